import { describe, expect, test } from '@jest/globals';
import { type AnyKeyv, entriesOf, MAJORS, workbench } from '../support/keyvs.js';

// Namespaces that a pattern, a prefix or a comparison without regard to case takes for each other.

const bench = workbench(3);

const NEIGHBOURS: [namespace: string, prefix: string][] = [
  ['contract', 'contract:'],
  ['contract:b', 'contract%3Ab:'],
  ['contract*', 'contract*:'],
  ['contractb', 'contractb:'],
  ['contracT', 'contracT:'],
  ['contract%3Ab', 'contract%253Ab:'],
  ['contract:', 'contract%3A:'],
];

const KEYS = ['b', 'b:b', '*', 'B', 'contract:b'];

describe.each(MAJORS)('under %s', (_title, major) => {
  /** A Keyv for each namespace, every one with all keys, whose values say whose they are. */
  const openAll = async () => {
    const keyvs = new Map<string, AnyKeyv>();
    for (const [namespace] of NEIGHBOURS) {
      const keyv = bench.openKeyv(major, { namespace });
      await keyv.setMany(KEYS.map((key) => ({ key, value: `${key} of ${namespace}` })));
      keyvs.set(namespace, keyv);
    }
    return keyvs;
  };

  // Keyv 5 takes a key that begins with its namespace for one that has its prefix already, in all calls but
  // those over many keys to read or delete.
  const keysOf = (namespace: string) => KEYS.filter((key) => major === 6 || !key.startsWith(`${namespace}:`));

  test('each key of each stands in Redis once', async () => {
    await openAll();
    const expected = NEIGHBOURS.flatMap(([namespace, prefix]) =>
      keysOf(namespace).map((key) => prefix + key),
    );
    expect(await bench.redis.keys('')).toEqual(expected.sort());
  });

  test.each(NEIGHBOURS)('%j reads and yields its own', async (namespace) => {
    const keyv = (await openAll()).get(namespace) as AnyKeyv;
    const own = keysOf(namespace).filter((key) => key !== 'b');
    expect(await keyv.getMany(own)).toEqual(own.map((key) => `${key} of ${namespace}`));
    const yielded = await entriesOf(keyv);
    expect(yielded.map(([key]) => key)).toEqual(keysOf(namespace).sort());
    for (const [, value] of yielded) expect(String(value).endsWith(` of ${namespace}`)).toBe(true);
  });

  test.each(NEIGHBOURS)('%j is cleared alone', async (namespace, prefix) => {
    const keyv = (await openAll()).get(namespace) as AnyKeyv;
    const others = (await bench.redis.keys('')).filter((key) => !key.startsWith(prefix));
    await keyv.clear();
    expect(await bench.redis.keys('')).toEqual(others);
  });
});
