import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  errorsOf,
  keysOf,
  MAJORS,
  NEVER_IN_A_TEST_MS,
  nextEvent,
  openKeyv,
  openStoreOver,
  recordCommands,
  rejection,
  startBlackHole,
  startProxy,
  startServers,
  takeErrorCodes,
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

  test('waits for a clear() that waits for a setMany() of many keys', async () => {
    const store = openStore(redis.locations, { namespace: 'waiting' });
    await store.connect();
    const many = Array.from({ length: 3000 }, (_, number) => ({ key: `${number}`, value: 'x' }));
    const calls = [store.setMany(many), store.clear()];
    await store.disconnect();
    await Promise.all(calls);
    const after = openStore(redis.locations, { namespace: 'waiting' });
    expect(await after.getMany(['0', '1500', '2999'])).toEqual([undefined, undefined, undefined]);
    await after.disconnect();
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

// Regression: an iterator kept disconnect() waiting for disconnectTimeoutMs if its consumer did not end it.
describe('disconnect() does not wait for an iterator', () => {
  const KEYS = Array.from({ length: 50 }, (_, number) => ({ key: `key-${number}`, value: '{"value":1}' }));

  /** A store whose disconnect() takes longer than a test may take if something keeps it waiting. */
  async function openFilled(namespace = 'iterated'): Promise<DRedisStore> {
    const store = openStore(redis.locations, { namespace, disconnectTimeoutMs: NEVER_IN_A_TEST_MS });
    await store.setMany(KEYS);
    return store;
  }

  test.each<[string, (iterator: AsyncGenerator) => unknown]>([
    ['that was created and never started', () => undefined],
    ['that ended before it started', (iterator) => iterator.return(undefined)],
    [
      'that ended after its first entry',
      async (iterator) => {
        await iterator.next();
        await iterator.return(undefined);
      },
    ],
    [
      'that ends during next()',
      async (iterator) => Promise.all([iterator.next(), iterator.return(undefined)]),
    ],
    ['that was abandoned after its first entry', (iterator) => iterator.next()],
    ['that was abandoned during next()', (iterator) => void iterator.next().catch(() => undefined)],
    [
      'that failed in its consumer',
      async (iterator) => {
        await iterator.next();
        await iterator.throw(new Error('from the consumer')).catch(() => undefined);
      },
    ],
  ])('%s', async (_title, use) => {
    const store = await openFilled();
    await use(store.iterator());
    await store.disconnect();
  });

  test.each(MAJORS)('of %s that was abandoned after its first entry', async (_title, major) => {
    const store = await openFilled();
    await openKeyv(major, { namespace: 'iterated' }, store).iterator().next();
    await store.disconnect();
  });

  test('of a store from withNamespace() that was abandoned after its first entry', async () => {
    const store = await openFilled();
    await store.withNamespace('iterated').iterator().next();
    await store.disconnect();
  });

  describe('over an empty namespace', () => {
    beforeAll(async () => {
      const filling = openStore(redis.locations, { namespace: 'others' });
      const entries = Array.from({ length: 20_000 }, (_, number) => ({ key: `${number}`, value: 'v' }));
      await filling.setMany(entries);
    });

    const openEmpty = () =>
      openStore(redis.locations, {
        namespace: 'empty',
        scanCount: 1,
        disconnectTimeoutMs: NEVER_IN_A_TEST_MS,
      });

    // Keyv's own return() waits for next().
    test.each(MAJORS)('of %s that scans the keys of other namespaces', async (_title, major) => {
      const store = openEmpty();
      await store.connect();
      const sent = recordCommands(store.locate('any').client);
      const iterator = openKeyv(major, { namespace: 'empty' }, store).iterator();
      const ended = Promise.allSettled([iterator.next(), iterator.return(undefined)]);
      await new Promise((resolve) => setImmediate(resolve));
      await store.disconnect();
      await ended;
      // Keyv 6 emits the rejection of next(). Keyv 5 passes it on.
      expect(takeErrorCodes()).toEqual(major === 6 ? ['DREDIS_CLOSED'] : []);
      expect(sent.filter(([name]) => name === 'SCAN').length).toBeLessThan(100);
    });

    test('that ends while it scans the keys of other namespaces', async () => {
      const store = openEmpty();
      await store.connect();
      const sent = recordCommands(store.locate('any').client);
      const iterator = store.iterator();
      const next = iterator.next();
      await new Promise((resolve) => setImmediate(resolve));
      expect(await iterator.return(undefined)).toEqual({ value: undefined, done: true });
      expect(await next).toEqual({ value: undefined, done: true });
      expect(sent.filter(([name]) => name === 'SCAN').length).toBeLessThan(100);
      await store.disconnect();
    });
  });
});

test('an iterator that waited for its consumer rejects with DREDIS_CLOSED after disconnect()', async () => {
  const store = openStore(redis.locations, { namespace: 'iterated' });
  await store.setMany(['a', 'b', 'c'].map((key) => ({ key, value: 'v' })));
  const errors = errorsOf(store);
  const iterator = store.iterator();
  await iterator.next();
  await store.disconnect();
  expect((await rejection(iterator.next())).code).toBe('DREDIS_CLOSED');
  expect(await iterator.next()).toEqual({ value: undefined, done: true });
  expect(errors).toEqual([]);
});
