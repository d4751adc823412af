import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { type DRedisError, DRedisStore, type DRedisStoreOptions } from '../../src/index.js';
import { keysOf, rejection } from '../support/stores.js';
import { blackHole, proxyTo, type StubServer } from '../support/stub-server.js';

/** Longer than a test may take: whatever waits for it fails its test. */
const NEVER_IN_A_TEST_MS = 600_000;

let redis: RedisServers;
let server: RedisServer;
const stores: DRedisStore[] = [];
const stubs: StubServer[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
  server = redis.servers[0] as RedisServer;
});

afterEach(async () => {
  await server.start();
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

function makeStore(
  locations: readonly string[] = redis.locations,
  options?: DRedisStoreOptions,
): DRedisStore {
  const store = new DRedisStore(locations, options);
  stores.push(store);
  return store;
}

describe('disconnect()', () => {
  test('closes every connection', async () => {
    const proxies = await Promise.all(redis.locations.map(proxyTo));
    stubs.push(...proxies);
    const store = makeStore(proxies.map(({ location }) => location));
    const sockets = Promise.all(proxies.map((proxy) => proxy.nextConnection()));
    await store.connect();
    const closed = (await sockets).map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await store.disconnect();
    await Promise.all(closed);
  });

  test('may be called again, at once and later', async () => {
    const store = makeStore();
    await store.connect();
    await Promise.all([store.disconnect(), store.disconnect()]);
    await store.disconnect();
  });

  test('of a store that never connected', async () => {
    await makeStore().disconnect();
    await makeStore(['127.0.0.1:1']).disconnect();
  });

  test('lets replies in flight come in', async () => {
    const proxy = await proxyTo(server.location);
    stubs.push(proxy);
    const store = makeStore([proxy.location], {
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

  test('and what had to connect first', async () => {
    const store = makeStore();
    const call = store.set('key', 'value');
    await store.disconnect();
    expect(await call).toBe(true);
  });

  test('waits for no longer than disconnectTimeoutMs, and then every call ends', async () => {
    const hole = await blackHole();
    stubs.push(hole);
    const proxy = await proxyTo(server.location);
    stubs.push(proxy);
    const store = makeStore([proxy.location, hole.location], {
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

  test('with a dead node, whose reconnection it ends', async () => {
    const store = makeStore();
    await store.connect();
    const down = new Promise((resolve) => store.once('node:down', resolve));
    await server.kill();
    await down;
    const ups: string[] = [];
    store.on('node:up', (name) => ups.push(name));
    await store.disconnect();
    await server.start();
    const other = makeStore();
    await other.connect();
    expect(ups).toEqual([]);
  });

  test('tells of no node that goes down: that was asked for', async () => {
    const store = makeStore();
    const downs: string[] = [];
    store.on('node:down', (name) => downs.push(name));
    await store.connect();
    await store.disconnect();
    expect(downs).toEqual([]);
  });
});

test('await using: Symbol.asyncDispose is disconnect()', async () => {
  const store = makeStore();
  await store.connect();
  await store[Symbol.asyncDispose]();
  expect((await rejection(store.get('key'))).code).toBe('DREDIS_CLOSED');
});

describe('later calls reject with DREDIS_CLOSED', () => {
  const calls: Record<string, (store: DRedisStore) => Promise<unknown>> = {
    get: (store) => store.get('key'),
    getMany: (store) => store.getMany(['key']),
    'getMany of nothing': (store) => store.getMany([]),
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

  test.each(Object.entries(calls))('%s', async (_name, call) => {
    const store = makeStore();
    const errors: DRedisError[] = [];
    store.on('error', (error) => errors.push(error));
    const disconnected = store.disconnect();
    expect(await rejection(call(store))).toMatchObject({ code: 'DREDIS_CLOSED', name: 'DRedisError' });
    await disconnected;
    expect(await rejection(call(store))).toMatchObject({ code: 'DREDIS_CLOSED' });
    expect(errors).toEqual([]);
  });
});
