import { describe, expect, test } from '@jest/globals';
import { entriesOf, MAJORS, NAMESPACES, openKeyv, openStore, sharedRedis } from '../support/index.js';

describe.each(MAJORS)('locate() under %s', (_major, major) => {
  test.each(NAMESPACES)(
    'with %s names the only server that holds a key',
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

// Keyv 5 cuts its prefix off the keys of iterator() and skips keys without it. The store used to infer from the
// last key whether Keyv prefixes. locate() takes an unprefixed key from the user, which the store mistook for
// one from Keyv, and then iterator() yielded nothing.
test('locate() does not change what iterator() of a Keyv 5 yields', async () => {
  const store = openStore();
  const keyv = openKeyv(5, { namespace: 'app' }, store);
  await keyv.set('key', 'value');
  store.locate('key');
  expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
});
