import { describe, expect, test } from '@jest/globals';
import { MAJORS, NAMESPACES, openKeyv, openStore, sharedRedis } from '../support/index.js';

const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);

describe.each(MAJORS)('get() under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace) => {
    test('resolves each of many concurrent calls to the value of its own key', async () => {
      const keyv = openKeyv(major, { namespace });
      await keyv.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
      const keys = [...KEYS.toReversed(), 'none', 'key-7', 'none'];
      expect(await Promise.all(keys.map((key) => keyv.get(key)))).toEqual(
        keys.map((key) => (key === 'none' ? undefined : `value of ${key}`)),
      );
    });

    test('resolves to undefined for a key that holds a list', async () => {
      const store = openStore();
      const keyv = openKeyv(major, { namespace }, store);
      const { client, key } = store.locate('list');
      await client.rPush(key, ['a', 'b']);
      await keyv.set('text', 'value');
      expect(await keyv.getMany(['list', 'text'])).toEqual([undefined, 'value']);
      expect(await keyv.get('list')).toBeUndefined();
    });
  });

  test("resolves to undefined if the value's own expiry has passed, and Keyv deletes the value", async () => {
    const store = openStore();
    const keyv = openKeyv(major, { namespace: 'app' }, store);
    const { client, key } = store.locate('key');
    await client.set(key, JSON.stringify({ value: 'old', expires: Date.now() - 1 }));
    expect(await keyv.get('key')).toBeUndefined();
    expect(await sharedRedis.keys()).toEqual([]);
  });
});

test('without Keyv, get() of a list resolves to undefined, alone and in a batch', async () => {
  const store = openStore({ namespace: 'app' });
  const { client, key } = store.locate('list');
  await client.lPush(key, 'x');
  expect(await store.get('list')).toBeUndefined();
  expect(await Promise.all([store.get('list'), store.get('nothing')])).toEqual([undefined, undefined]);
});
