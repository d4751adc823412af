import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import {
  type AnyKeyv,
  entriesOf,
  interceptCommands,
  MAJORS,
  NAMESPACES,
  openKeyv,
  openStore,
  sharedRedis,
} from '../support/index.js';

/** Keys that a faulty iterator would cut in the wrong place or treat as keys in another namespace. */
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

describe.each(MAJORS)('iterator() under %s', (_major, major) => {
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

    test('yields keys as they were set', async () => {
      await setAll(AWKWARD);
      expect(await entriesOf(keyv)).toEqual(sorted(AWKWARD));
    });

    test('yields keys that get() finds', async () => {
      await setAll(AWKWARD);
      for (const [key, value] of await entriesOf(keyv)) expect(await keyv.get(key)).toBe(value);
    });

    test('yields every entry from many small pages', async () => {
      const keys = Array.from({ length: 300 }, (_, number) => `key-${number}`);
      await setAll(keys);
      const paging = openKeyv(major, { namespace }, openStore({ scanCount: 7 }));
      expect(await entriesOf(paging)).toEqual(sorted(keys));
    });

    test('yields values of every type', async () => {
      const values = [0, false, '', null, { a: [1] }, Buffer.from([0, 255])];
      await keyv.setMany(values.map((value, index) => ({ key: `${index}`, value })));
      expect(await entriesOf(keyv)).toEqual(values.map((value, index) => [`${index}`, value]));
    });

    test('does not yield entries in other namespaces', async () => {
      await setAll(['mine']);
      for (const other of ['app-2', 'app:', 'ap', 'keyv-2', 'app*']) {
        await openKeyv(major, { namespace: other }).set('theirs', 1);
      }
      expect(await entriesOf(keyv)).toEqual(sorted(['mine']));
    });

    test('does not yield lists and hashes', async () => {
      await setAll(['text']);
      const { client, key } = store.locate('list');
      await client.rPush(key, 'a');
      const hash = store.locate('hash');
      await hash.client.hSet(hash.key, 'field', 'a');
      expect(await entriesOf(keyv)).toEqual(sorted(['text']));
    });

    test('does not yield entries on servers that do not own them', async () => {
      await setAll(['key']);
      // Simulates copies that were left behind when the ring had other nodes.
      const { node } = store.locate('key');
      for (const name of store.nodes.filter((name) => name !== node)) {
        const other = openStore();
        await other.updateNodes([name]);
        const { client } = other.locate('any');
        await client.set(`${prefix}key`, '{"value":"stale"}');
      }
      expect(await sharedRedis.keys()).toHaveLength(store.nodes.length);
      expect(await entriesOf(keyv)).toEqual(sorted(['key']));
    });

    test('does not yield keys that are deleted between SCAN and the read of their values', async () => {
      const keys = ['stays', 'goes-1', 'goes-2', 'goes-3', 'goes-4', 'goes-5'];
      await setAll(keys);
      const going = new Set(keys.filter((key) => key.startsWith('goes')).map((key) => prefix + key));
      const read = new Set<string>();
      for (const client of new Set(keys.map((key) => store.locate(key).client))) {
        interceptCommands(client, async (args, send) => {
          if (args[0] === 'MGET' || args[0] === 'GET') {
            for (const key of args.slice(1)) {
              if (!key.startsWith(prefix)) continue;
              read.add(key);
              if (going.has(key)) await send(['UNLINK', key]);
            }
          }
          return send(args);
        });
      }
      expect(await entriesOf(keyv)).toEqual(sorted(['stays']));
      expect([...read].sort()).toEqual(keys.map((key) => prefix + key).sort());
    });
  });
});

describe('iterator() without Keyv', () => {
  test('yields keys without the namespace, and values as they were set', async () => {
    const store = openStore({ namespace: 'app' });
    await store.set('text', 'value');
    await store.set('bytes', Buffer.from([0, 255]));
    expect(await entriesOf(store)).toEqual([
      ['bytes', Buffer.from([0, 255])],
      ['text', 'value'],
    ]);
  });

  test('yields the entries in the namespace that is passed to it', async () => {
    const store = openStore({ namespace: 'app' });
    await store.set('mine', 'value');
    await store.withNamespace('app:2').set('theirs', 'value');
    const keys: string[] = [];
    for await (const [key] of store.iterator('app:2')) keys.push(key);
    expect(keys).toEqual(['theirs']);
  });
});
