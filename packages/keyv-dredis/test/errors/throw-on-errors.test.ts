import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createCache } from 'cache-manager';
import { Cacheable, CacheableEvents } from 'cacheable';
import got from 'got';
import { Keyv as Keyv5 } from 'keyv5';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  type AnyKeyv,
  collectErrors,
  entriesOf,
  keysOf,
  onCleanUp,
  openKeyv,
  openStoreOver,
  rejection,
  startServers,
  takeErrorCodes,
  takeErrors,
} from '../support/index.js';

// One of two servers is killed. Keyv 5 does not tell a store whether its option throwOnErrors is set.

const NAMESPACE = 'throwing';

let redis: RedisServers;
let alive: string;
let dead: string;
let lostKey: string;
let keptKey: string;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  await redis.servers[1]?.kill();
  [alive, dead] = redis.locations as [string, string];
});

const openStore = (options?: DRedisStoreOptions, locations = redis.locations) =>
  openStoreOver(locations, { namespace: NAMESPACE, ...options });

beforeEach(async () => {
  const store = openStore();
  [lostKey] = keysOf(store, dead, 1) as [string];
  [keptKey] = keysOf(store, alive, 1) as [string];
  await store.set(keptKey, '{"value":"value"}');
});

const CALLS: Record<string, (keyv: AnyKeyv) => Promise<unknown>> = {
  get: (keyv) => keyv.get(lostKey),
  has: (keyv) => keyv.has(lostKey),
  getMany: (keyv) => keyv.getMany([lostKey, keptKey, lostKey]),
  hasMany: (keyv) => keyv.hasMany([lostKey, keptKey]),
  getRaw: (keyv) => (keyv as unknown as Keyv5).getRaw(lostKey),
  getManyRaw: (keyv) => (keyv as unknown as Keyv5).getManyRaw([lostKey, keptKey]),
  set: (keyv) => keyv.set(lostKey, 'value'),
  setMany: (keyv) => keyv.setMany([lostKey, keptKey].map((key) => ({ key, value: 'value' }))),
  delete: (keyv) => keyv.delete(lostKey),
  deleteMany: (keyv) => keyv.deleteMany([lostKey, keptKey]),
  iterator: (keyv) => entriesOf(keyv),
};

describe('with throwOnErrors on Keyv 5 and on the store, a failed', () => {
  test.each(Object.entries(CALLS))('%s emits one error and rejects with it', async (_name, call) => {
    const keyv = openKeyv(
      5,
      { namespace: NAMESPACE, throwOnErrors: true },
      openStore({ throwOnErrors: true }),
    );
    const error = await rejection(call(keyv));
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: dead });
    const events = takeErrors();
    expect(events).toHaveLength(1);
    expect(events[0]).toBe(error);
  });

  test('clear emits one error and rejects with it', async () => {
    const keyv = openKeyv(
      5,
      { namespace: NAMESPACE, throwOnErrors: true },
      openStore({ throwOnErrors: true }),
    );
    expect(await rejection(keyv.clear())).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [dead] });
    expect(takeErrorCodes()).toEqual(['DREDIS_CLEAR_INCOMPLETE']);
  });

  test('getMany and setMany over two dead servers emit one error per server', async () => {
    const [other] = (await startServers({ count: 1 })).servers;
    await other?.kill();
    const locations = [...redis.locations, other?.location as string];
    const store = openStore({ throwOnErrors: true, topology: 'fixed' }, locations);
    const keyv = openKeyv(5, { namespace: NAMESPACE, throwOnErrors: true }, store);
    const keys = locations.flatMap((location) => keysOf(store, location, 1));
    const nodes = [dead, other?.location];
    for (const call of [keyv.getMany(keys), keyv.setMany(keys.map((key) => ({ key, value: 1 })))]) {
      const error = await rejection(call);
      const events = takeErrors() as { node: string }[];
      expect(events.map(({ node }) => node).sort()).toEqual([...nodes].sort());
      expect(events).toContain(error);
    }
  });

  test('get with an invalid key emits one error and rejects with it', async () => {
    const keyv = openKeyv(
      5,
      { namespace: NAMESPACE, throwOnErrors: true },
      openStore({ throwOnErrors: true }),
    );
    expect(await rejection(keyv.get('\ud800'))).toMatchObject({ code: 'DREDIS_INVALID_ARGUMENT' });
    expect(takeErrorCodes()).toEqual(['DREDIS_INVALID_ARGUMENT']);
  });

  test("read counts as a miss with nodeDownPolicy 'miss'", async () => {
    const store = openStore({ throwOnErrors: true, nodeDownPolicy: 'miss' });
    const keyv = openKeyv(5, { namespace: NAMESPACE, throwOnErrors: true }, store);
    expect(await keyv.get(lostKey)).toBeUndefined();
    expect(await keyv.getMany([lostKey, keptKey])).toEqual([undefined, 'value']);
  });
});

test('createKeyv() with throwOnErrors makes Keyv 5 reject reads', async () => {
  jest.resetModules();
  jest.unstable_mockModule('keyv', () => ({ Keyv: Keyv5 }));
  const { createKeyv } = await import('../../src/create-keyv.js');
  const keyv = createKeyv(redis.locations, { namespace: NAMESPACE, throwOnErrors: true });
  collectErrors(keyv);
  onCleanUp(() => keyv.disconnect());
  for (const call of [() => keyv.get(lostKey), () => keyv.set(lostKey, 'value')]) {
    expect(await rejection(call())).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: dead });
    expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
  }
});

test.each([
  ['Keyv 6', 6],
  ['a store without Keyv', undefined],
] as const)('throwOnErrors on the store does not change %s', async (_title, major) => {
  const store = openStore({ throwOnErrors: true });
  if (major === undefined) collectErrors(store);
  const keyv = major ? openKeyv(major, { namespace: NAMESPACE }, store) : (store as unknown as AnyKeyv);
  expect((await keyv.getMany([lostKey, keptKey]))[0]).toBeUndefined();
  expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
});

// Callers that do not set throwOnErrors. If the store always rejected, most of these calls would reject or
// report their failure twice.
describe('a failed read through a library on Keyv 5 counts as a miss, and is reported once:', () => {
  let store: DRedisStore;

  beforeEach(() => {
    store = openStore();
  });

  test.each(['get', 'has', 'getRaw', 'getMany', 'hasMany', 'getManyRaw'] as const)(
    'Keyv 5, %s',
    async (name) => {
      const keyv = openKeyv(5, { namespace: NAMESPACE }, store);
      await CALLS[name]?.(keyv);
      expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
    },
  );

  test.each<[string, (cache: Cacheable) => Promise<unknown>, unknown]>([
    ['get', (cache) => cache.get(lostKey), undefined],
    ['getRaw', (cache) => cache.getRaw(lostKey), undefined],
    ['has', (cache) => cache.has(lostKey), false],
    ['getMany', (cache) => cache.getMany([lostKey, keptKey]), [undefined, 'value']],
    ['hasMany', (cache) => cache.hasMany([lostKey, keptKey]), [false, true]],
  ])('cacheable, %s', async (_name, call, expected) => {
    const cache = new Cacheable({ secondary: store, namespace: NAMESPACE });
    collectErrors({ on: (_event, listener) => cache.on(CacheableEvents.ERROR, listener) });
    onCleanUp(() => cache.disconnect());
    expect(await call(cache)).toEqual(expected);
    expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
  });

  test.each<[string, (cache: ReturnType<typeof createCache>) => Promise<unknown>, unknown]>([
    ['get', (cache) => cache.get(lostKey), undefined],
    ['mget', (cache) => cache.mget([lostKey, keptKey]), [undefined, 'value']],
    ['ttl', (cache) => cache.ttl(lostKey), undefined],
  ])('cache-manager, %s', async (_name, call, expected) => {
    const keyv = new Keyv5({ store, namespace: NAMESPACE });
    collectErrors(keyv);
    expect(await call(createCache({ stores: [keyv] }))).toEqual(expected);
    expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
  });
});

test('cache-manager over a Keyv 5 with throwOnErrors reports a failed read and returns a miss', async () => {
  const keyv = new Keyv5({
    store: openStore({ throwOnErrors: true }),
    namespace: NAMESPACE,
    throwOnErrors: true,
  });
  collectErrors(keyv);
  const cache = createCache({ stores: [keyv] });
  const reported: unknown[] = [];
  cache.on('get', ({ error }) => reported.push(error));
  expect(await cache.get(lostKey)).toBeUndefined();
  expect(reported).toEqual(takeErrors());
  expect(reported).toHaveLength(1);
});

// cacheable-request turns any 'error' event of its Keyv into an error of the request.
test.each([false, true])(
  'got with throwOnErrors: %p rejects a request with the failure',
  async (throwOnErrors) => {
    const server = createServer((_request, response) => response.end('answer')).listen(0, '127.0.0.1');
    onCleanUp(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const store = openStore({ throwOnErrors }, [dead]);
    const cache = new Keyv5({ store, namespace: NAMESPACE, throwOnErrors });
    expect(await rejection(got(url, { cache, retry: { limit: 0 } }).text())).toMatchObject({
      name: 'CacheError',
    });
  },
);
