import { describe, expect, test } from '@jest/globals';
import { type AnyKeyv, entriesOf, MAJORS, openKeyv, sharedRedis } from '../support/index.js';

/**
 * Each namespace would match keys in other namespaces if it were used as a glob or a prefix, or if case were
 * ignored.
 */
const NAMESPACES_ALIKE: [namespace: string, prefix: string][] = [
  ['app', 'app:'],
  ['app:b', 'app%3Ab:'],
  ['app*', 'app*:'],
  ['appb', 'appb:'],
  ['apP', 'apP:'],
  ['app%3Ab', 'app%253Ab:'],
  ['app:', 'app%3A:'],
];

const KEYS = ['b', 'b:b', '*', 'B', 'app:b'];

describe.each(MAJORS)('similar namespaces under %s', (_title, major) => {
  /** Opens a Keyv for each namespace and sets all keys in each. */
  const openAll = async () => {
    const keyvs = new Map<string, AnyKeyv>();
    for (const [namespace] of NAMESPACES_ALIKE) {
      const keyv = openKeyv(major, { namespace });
      await keyv.setMany(KEYS.map((key) => ({ key, value: `${key} of ${namespace}` })));
      keyvs.set(namespace, keyv);
    }
    return keyvs;
  };

  // Keyv 5 does not prefix a key that already begins with the namespace, except in getMany() and
  // deleteMany().
  const keysOf = (namespace: string) => KEYS.filter((key) => major === 6 || !key.startsWith(`${namespace}:`));

  test('do not share a key in Redis', async () => {
    await openAll();
    const expected = NAMESPACES_ALIKE.flatMap(([namespace, prefix]) =>
      keysOf(namespace).map((key) => prefix + key),
    );
    expect(await sharedRedis.keys()).toEqual(expected.sort());
  });

  test.each(NAMESPACES_ALIKE)(
    'getMany() and iterator() return only the values in namespace %j',
    async (namespace) => {
      const keyv = (await openAll()).get(namespace) as AnyKeyv;
      const own = keysOf(namespace).filter((key) => key !== 'b');
      expect(await keyv.getMany(own)).toEqual(own.map((key) => `${key} of ${namespace}`));
      const yielded = await entriesOf(keyv);
      expect(yielded.map(([key]) => key)).toEqual(keysOf(namespace).sort());
      for (const [, value] of yielded) expect(String(value).endsWith(` of ${namespace}`)).toBe(true);
    },
  );
});
