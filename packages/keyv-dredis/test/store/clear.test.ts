import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import {
  type AnyKeyv,
  connectClient,
  entriesOf,
  interceptCommands,
  MAJORS,
  NAMESPACES,
  openKeyv,
  openStore,
  openStoreOver,
  rejection,
  sharedRedis,
  startServers,
  takeErrors,
} from '../support/index.js';

/**
 * Each namespace would match keys in other namespaces if it were used as a glob or a prefix, or if case were
 * ignored.
 */
const NAMESPACES_ALIKE = [
  'app',
  'app2',
  'appb',
  'apP',
  'ap',
  'app:',
  'app:b',
  'app%3Ab',
  'app*',
  'app?',
  'app[a-z]',
  'app\\',
  'keyv',
  'keyv:keyv',
];

describe.each(MAJORS)('clear() under %s', (_major, major) => {
  test.each(NAMESPACES_ALIKE)('in namespace %j removes no keys in similar namespaces', async (namespace) => {
    const keyvs = NAMESPACES_ALIKE.map((namespace) => openKeyv(major, { namespace }));
    const keys = ['b', 'b:b', '*', 'B', ...Array.from({ length: 8 }, (_, number) => `b:${number}`)];
    await Promise.all(keyvs.map((keyv) => keyv.setMany(keys.map((key) => ({ key, value: 'value' })))));
    const prefix = `${namespace.replaceAll('%', '%25').replaceAll(':', '%3A')}:`;
    const others = (await sharedRedis.keys()).filter((key) => !key.startsWith(prefix));
    expect(others).toHaveLength((NAMESPACES_ALIKE.length - 1) * keys.length);
    expect(await (keyvs[NAMESPACES_ALIKE.indexOf(namespace)] as AnyKeyv).clear()).toBeUndefined();
    expect(await sharedRedis.keys()).toEqual(others);
  });

  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    let store: DRedisStore;
    let keyv: AnyKeyv;

    beforeEach(() => {
      store = openStore({ scanCount: 10 });
      keyv = openKeyv(major, { namespace }, store);
    });

    test('removes many pages of keys on every server, and no keys in another namespace', async () => {
      await keyv.setMany(Array.from({ length: 500 }, (_, number) => ({ key: `${number}`, value: number })));
      await openKeyv(major, { namespace: 'app-neighbour' }).set('key', 'value');
      await keyv.clear();
      expect(await sharedRedis.keys()).toEqual(['app-neighbour:key']);
    });

    test('removes lists, hashes and counters that have the prefix, and no others', async () => {
      for (const name of ['list', 'hash', 'counter']) {
        const { client, key } = store.locate(name);
        if (name === 'list') await client.rPush(key, ['a', 'b']);
        if (name === 'hash') await client.hSet(key, 'field', 'a');
        if (name === 'counter') await client.incr(key);
      }
      const { client } = store.locate('any');
      await client.rPush('app-list', 'a');
      expect(await sharedRedis.keys()).toHaveLength(4);
      await keyv.clear();
      expect(await sharedRedis.keys()).toEqual(['app-list']);
    });

    test('removes keys on servers that do not own them', async () => {
      const keys = ['a', 'b', 'c'];
      const clients = new Set(Array.from({ length: 100 }, (_, number) => store.locate(`${number}`).client));
      for (const client of clients) {
        for (const key of keys) await client.set(prefix + key, 'left over');
      }
      expect(await sharedRedis.keys()).toHaveLength(keys.length * store.nodes.length);
      await keyv.clear();
      expect(await sharedRedis.keys()).toEqual([]);
    });

    test('resolves to undefined if there is nothing to remove', async () => {
      expect(await keyv.clear()).toBeUndefined();
    });
  });

  describe('with keyFormat raw', () => {
    test('and no namespace emits one error and removes nothing', async () => {
      const keyv = openKeyv(major, { namespace: undefined }, openStore({ keyFormat: 'raw' }));
      await keyv.set('app-raw', 'value');
      await keyv.clear();
      expect(takeErrors()).toEqual([expect.objectContaining({ code: 'DREDIS_CLEAR_REFUSED' })]);
      expect(await sharedRedis.keys()).toEqual(['app-raw']);
    });

    test('and a namespace removes its keys', async () => {
      const keyv = openKeyv(major, { namespace: 'app' }, openStore({ keyFormat: 'raw' }));
      await keyv.set('key', 'value');
      await openStore({ keyFormat: 'raw' }).set('app-raw', 'value');
      await keyv.clear();
      expect(await sharedRedis.keys()).toEqual(['app-raw']);
    });

    test('and ownsDatabase removes every key in the database, and none in another database', async () => {
      const { locations } = await startServers({ count: 2 });
      const store = openStoreOver(locations, { keyFormat: 'raw', ownsDatabase: true, database: 1 });
      const keyv = openKeyv(major, { namespace: undefined }, store);
      const clients = await Promise.all(locations.map((location) => connectClient(location, 1)));
      for (const client of clients) await client.set('*any:key', 'value');
      await clients[0]?.select(0);
      await clients[0]?.set('other database', 'value');
      await keyv.set('key', 'value');
      await keyv.clear();
      expect(await clients[0]?.dbSize()).toBe(1);
      await clients[0]?.select(1);
      const left = (await Promise.all(clients.map((client) => client.keys('*')))).flat();
      // The store's reserved keys are not removed.
      expect(left.filter((key) => !key.startsWith('%dredis:'))).toEqual([]);
    });
  });
});

test('clear() and iterator() ignore keys from SCAN that do not match the pattern', async () => {
  const store = openStore({ namespace: 'app' });
  await store.set('key', 'value');
  const { client } = store.locate('key');
  await client.set('ap-neighbour', 'value');
  const withoutPattern = (args: readonly string[]) => args.filter((_, index) => index < 2 || index > 3);
  interceptCommands(client, (args, send) => send(args[0] === 'SCAN' ? withoutPattern(args) : args));
  expect(await entriesOf(store)).toEqual([['key', 'value']]);
  await store.clear();
  expect(await sharedRedis.keys()).toEqual(['ap-neighbour']);
});

test('without Keyv, clear() with keyFormat raw rejects with an error that names ownsDatabase', async () => {
  const error = await rejection(openStore({ keyFormat: 'raw' }).clear());
  expect(error).toMatchObject({ name: 'DRedisError', code: 'DREDIS_CLEAR_REFUSED' });
  expect(error.message).toContain('ownsDatabase');
});
