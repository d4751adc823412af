import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  errorsOf,
  keysOf,
  NEVER_IN_A_TEST_MS,
  nextEvent,
  openStoreOver,
  rejection,
  startBlackHole,
  startProxy,
  startServers,
} from '../support/index.js';

let redis: RedisServers;
let server: RedisServer;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  server = redis.servers[0] as RedisServer;
});

const openStore = (locations: readonly string[] = redis.locations, options?: DRedisStoreOptions) =>
  openStoreOver(locations, options);

describe('disconnect()', () => {
  test('closes every connection', async () => {
    const proxies = await Promise.all(redis.locations.map(startProxy));
    const store = openStore(proxies.map(({ location }) => location));
    const sockets = Promise.all(proxies.map((proxy) => proxy.nextConnection()));
    await store.connect();
    const closed = (await sockets).map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await store.disconnect();
    await Promise.all(closed);
  });

  test('may be called again, concurrently and later', async () => {
    const store = openStore();
    await store.connect();
    await Promise.all([store.disconnect(), store.disconnect()]);
    await store.disconnect();
  });

  test('resolves for a store that never connected', async () => {
    await openStore().disconnect();
    await openStore(['127.0.0.1:1']).disconnect();
  });

  test('waits for the replies of calls in flight', async () => {
    const proxy = await startProxy(server.location);
    const store = openStore([proxy.location], {
      commandTimeoutMs: NEVER_IN_A_TEST_MS,
      disconnectTimeoutMs: NEVER_IN_A_TEST_MS,
    });
    await store.connect();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      proxy.onReply = (reply, client) => {
        release = () => client.write(reply);
        resolve();
      };
    });
    const order: string[] = [];
    const call = store.set('key', 'value').then((stored) => order.push(`stored: ${stored}`));
    await held;
    const disconnected = store.disconnect().then(() => order.push('disconnected'));
    proxy.onReply = undefined;
    release();
    await Promise.all([call, disconnected]);
    expect(order).toEqual(['stored: true', 'disconnected']);
  });

  test('waits for a call that has to connect first', async () => {
    const store = openStore();
    const call = store.set('key', 'value');
    await store.disconnect();
    expect(await call).toBe(true);
  });

  test('waits for a get() in the same tick', async () => {
    const store = openStore();
    await store.set('last', 'words');
    const read = store.get('last');
    const disconnected = store.disconnect();
    expect(await read).toBe('words');
    await disconnected;
  });

  test('ends every call after disconnectTimeoutMs', async () => {
    const hole = await startBlackHole();
    const proxy = await startProxy(server.location);
    const store = openStore([proxy.location, hole.location], {
      commandTimeoutMs: NEVER_IN_A_TEST_MS,
      connectTimeoutMs: NEVER_IN_A_TEST_MS,
      disconnectTimeoutMs: 50,
    });
    const connected = keysOf(store, proxy.location, 1)[0] as string;
    const connecting = keysOf(store, hole.location, 1)[0] as string;
    await store.get(connected);
    proxy.onReply = () => undefined;
    const calls = Promise.all([rejection(store.get(connected)), rejection(store.get(connecting))]);
    await store.disconnect();
    for (const error of await calls) expect(error.code).toMatch(/^DREDIS_(NODE_UNAVAILABLE|CLOSED)$/);
  });

  test('stops reconnecting to a dead node', async () => {
    const store = openStore();
    await store.connect();
    const down = nextEvent(store, 'node:down');
    await server.kill();
    await down;
    const ups: string[] = [];
    store.on('node:up', (name) => ups.push(name));
    await store.disconnect();
    await server.start();
    const other = openStore();
    await other.connect();
    expect(ups).toEqual([]);
  });

  test("emits no 'node:down'", async () => {
    const store = openStore();
    const downs: string[] = [];
    store.on('node:down', (name) => downs.push(name));
    await store.connect();
    await store.disconnect();
    expect(downs).toEqual([]);
  });
});

test('Symbol.asyncDispose, which `await using` calls, disconnects the store', async () => {
  const store = openStore();
  await store.connect();
  await store[Symbol.asyncDispose]();
  expect((await rejection(store.get('key'))).code).toBe('DREDIS_CLOSED');
});

describe('after disconnect(),', () => {
  const calls: Record<string, (store: DRedisStore) => Promise<unknown>> = {
    get: (store) => store.get('key'),
    getMany: (store) => store.getMany(['key']),
    'getMany without keys': (store) => store.getMany([]),
    set: (store) => store.set('key', 'value'),
    setMany: (store) => store.setMany([{ key: 'key', value: 'value' }]),
    delete: (store) => store.delete('key'),
    deleteMany: (store) => store.deleteMany(['key']),
    has: (store) => store.has('key'),
    hasMany: (store) => store.hasMany(['key']),
    clear: (store) => store.clear(),
    iterator: (store) => store.iterator().next(),
    connect: (store) => store.connect(),
    updateNodes: (store) => store.updateNodes(['127.0.0.1:1']),
    locate: async (store) => store.locate('key'),
  };

  test.each(Object.entries(calls))('%s rejects with DREDIS_CLOSED', async (_name, call) => {
    const store = openStore();
    const errors = errorsOf(store);
    const disconnected = store.disconnect();
    expect(await rejection(call(store))).toMatchObject({ code: 'DREDIS_CLOSED', name: 'DRedisError' });
    await disconnected;
    expect(await rejection(call(store))).toMatchObject({ code: 'DREDIS_CLOSED' });
    expect(errors).toEqual([]);
  });
});
