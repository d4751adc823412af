import { describe, expect, test } from '@jest/globals';
import { entriesOf, MAJORS, NAMESPACES, openKeyv, openStore, sharedRedis } from '../support/index.js';

describe.each(MAJORS)('locate() under %s', (_major, major) => {
  test.each(NAMESPACES)(
    'with %s returns the only server that has a key',
    async (_title, namespace, prefix) => {
      const store = openStore();
      const keyv = openKeyv(major, { namespace }, store);
      const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
      await keyv.setMany(keys.map((key) => ({ key, value: key })));
      const byServer = await sharedRedis.keysByServer();
      for (const key of keys) {
        const located = store.locate(key);
        expect(located.key).toBe(prefix + key);
        const holding = store.nodes.filter((_, index) => byServer[index]?.includes(prefix + key));
        expect(holding).toEqual([located.node]);
      }
    },
  );
});

// Keyv 5 removes its prefix from iterator()'s keys, and skips keys without the prefix. So the store has to
// know whether Keyv prefixes keys. Regression: the store inferred this from the last key that it received,
// even if the user had passed this key to locate(). Such a key has no prefix, so the store then assumed that
// Keyv adds none, and iterator() yielded nothing.
test("locate() does not change what a Keyv 5's iterator() yields", async () => {
  const store = openStore();
  const keyv = openKeyv(5, { namespace: 'app' }, store);
  await keyv.set('key', 'value');
  store.locate('key');
  expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
});
