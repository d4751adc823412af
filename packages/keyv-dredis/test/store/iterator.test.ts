import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, entriesOf, MAJORS, NAMESPACES, workbench } from '../support/keyvs.js';

const DATABASE = 10;
const bench = workbench(DATABASE);
const { openStore, openKeyv } = bench;

/** Keys that a careless iterator cuts in the wrong place, or takes for somebody else's. */
const AWKWARD = [
  'a',
  ':',
  'a:b',
  ':a:',
  '%',
  '%3A',
  '*',
  '?',
  '[a-z]',
  '\\',
  'k\ney',
  'k\0ey',
  'ü💩',
  '__proto__',
];

describe.each(MAJORS)('under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    let store: DRedisStore;
    let keyv: AnyKeyv;

    beforeEach(() => {
      store = openStore();
      keyv = openKeyv(major, { namespace }, store);
    });

    const setAll = (keys: readonly string[]) =>
      keyv.setMany(keys.map((key) => ({ key, value: `value of ${key}` })));
    const sorted = (keys: readonly string[]) =>
      [...keys].sort().map((key): [string, unknown] => [key, `value of ${key}`]);

    test('yields keys as the user wrote them', async () => {
      await setAll(AWKWARD);
      expect(await entriesOf(keyv)).toEqual(sorted(AWKWARD));
    });

    test('each key that it yields is one for get', async () => {
      await setAll(AWKWARD);
      for (const [key, value] of await entriesOf(keyv)) expect(await keyv.get(key)).toBe(value);
    });

    test('goes on over many small pages', async () => {
      const keys = Array.from({ length: 300 }, (_, number) => `key-${number}`);
      await setAll(keys);
      const paging = openKeyv(major, { namespace }, openStore({ scanCount: 7 }));
      expect(await entriesOf(paging)).toEqual(sorted(keys));
    });

    test('yields values of every kind', async () => {
      const values = [0, false, '', null, { a: [1] }, Buffer.from([0, 255])];
      await keyv.setMany(values.map((value, index) => ({ key: `${index}`, value })));
      expect(await entriesOf(keyv)).toEqual(values.map((value, index) => [`${index}`, value]));
    });

    test('does not yield what other namespaces hold', async () => {
      await setAll(['mine']);
      for (const other of ['contract-2', 'contract:', 'contrac', 'keyv-2', 'contract*']) {
        await openKeyv(major, { namespace: other }).set('theirs', 1);
      }
      expect(await entriesOf(keyv)).toEqual(sorted(['mine']));
    });

    test('does not yield what is no value: a list, a hash', async () => {
      await setAll(['text']);
      const { client, key } = store.locate('list');
      await client.rPush(key, 'a');
      const hash = store.locate('hash');
      await hash.client.hSet(hash.key, 'field', 'a');
      expect(await entriesOf(keyv)).toEqual(sorted(['text']));
    });

    test('does not yield what a server holds that is not the owner', async () => {
      await setAll(['key']);
      // As an older set of servers would have left it.
      const { node } = store.locate('key');
      for (const name of store.nodes.filter((name) => name !== node)) {
        const strange = openStore();
        await strange.updateNodes([name]);
        const { client } = strange.locate('any');
        await client.set(`${prefix}key`, '{"value":"stale"}');
      }
      expect(await bench.redis.keys('')).toHaveLength(store.nodes.length);
      expect(await entriesOf(keyv)).toEqual(sorted(['key']));
    });

    test('a key that vanishes between SCAN and MGET is not yielded, least of all as undefined', async () => {
      const keys = ['stays', 'goes-1', 'goes-2', 'goes-3', 'goes-4', 'goes-5'];
      await setAll(keys);
      const going = new Set(keys.filter((key) => key.startsWith('goes')).map((key) => prefix + key));
      const asked = new Set<string>();
      for (const key of keys) {
        const { client } = store.locate(key);
        if (Object.hasOwn(client, 'sendCommand')) continue;
        const send = client.sendCommand.bind(client);
        client.sendCommand = (async (args: readonly string[], options: never) => {
          if (args[0] === 'MGET') {
            for (const key of args.slice(1)) {
              asked.add(key);
              if (going.has(key)) await send(['UNLINK', key]);
            }
          }
          return send(args, options);
        }) as never;
      }
      expect(await entriesOf(keyv)).toEqual(sorted(['stays']));
      expect([...asked].sort()).toEqual(keys.map((key) => prefix + key).sort());
    });
  });
});

// A Keyv 5 that prefixes keys wants to take the prefix off those that iterator() yields, and passes over
// what has none. Whether it does was told by the last key, and that of locate(), which comes from the user
// and has no prefix, was taken for Keyv's: from then on the iterator yielded nothing at all.
test('locate() does not make a Keyv 5 blind for its entries', async () => {
  const store = openStore();
  const keyv = openKeyv(5, { namespace: 'contract' }, store);
  await keyv.set('key', 'value');
  store.locate('key');
  expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
});

describe('without Keyv', () => {
  test('keys have no namespace, values are as they were stored', async () => {
    const store = openStore({ namespace: 'contract' });
    await store.set('text', 'value');
    await store.set('bytes', Buffer.from([0, 255]));
    const entries = new Map<string, unknown>();
    for await (const [key, value] of store.iterator()) entries.set(key, value);
    expect(entries).toEqual(
      new Map<string, unknown>([
        ['text', 'value'],
        ['bytes', Buffer.from([0, 255])],
      ]),
    );
  });

  test('of another namespace', async () => {
    const store = openStore({ namespace: 'contract' });
    await store.set('mine', 'value');
    await store.withNamespace('contract:2').set('theirs', 'value');
    const keys: string[] = [];
    for await (const [key] of store.iterator('contract:2')) keys.push(key);
    expect(keys).toEqual(['theirs']);
  });
});
