import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Cacheable, CacheableEvents } from 'cacheable';
import { DRedisError, type DRedisStore } from '../../src/index.js';
import {
  collectErrors,
  onCleanUp,
  openStore,
  openStoreOver,
  sharedRedis,
  takeErrors,
} from '../support/index.js';

const NAMESPACE = 'cacheable';

let store: DRedisStore;
let cache: Cacheable;

beforeEach(() => {
  store = openStore();
  cache = cacheOver(store);
});

/** A cache with its own memory layer, as in another process. */
function cacheOver(secondary: DRedisStore, namespace = NAMESPACE): Cacheable {
  const made = new Cacheable({ secondary, namespace });
  collectErrors({ on: (_event, listener) => made.on(CacheableEvents.ERROR, listener) });
  onCleanUp(() => made.disconnect());
  return made;
}

const otherProcess = () => cacheOver(openStore());

/** Records each layer's hits and misses. */
function lookUps(cache: Cacheable): string[] {
  const seen: string[] = [];
  cache.on(CacheableEvents.CACHE_HIT, ({ key, store }) => seen.push(`${key} in ${store}`));
  cache.on(CacheableEvents.CACHE_MISS, ({ key, store }) => seen.push(`${key} not in ${store}`));
  return seen;
}

describe('Cacheable with the store as second layer', () => {
  test('set() writes a value to both layers', async () => {
    expect(await cache.set('user:1', { name: 'Ada' })).toBe(true);
    expect(await cache.primary.get('user:1')).toEqual({ name: 'Ada' });
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:user:1`]);
    expect(await sharedRedis.get(`${NAMESPACE}:user:1`)).toContain('{"name":"Ada"}');
  });

  test('get() reads from memory first, and stores values from Redis in memory', async () => {
    await cache.set('user:1', { name: 'Ada' });
    const seen = lookUps(cache);
    expect(await cache.get('user:1')).toEqual({ name: 'Ada' });
    await cache.primary.clear();
    expect(await cache.get('user:1')).toEqual({ name: 'Ada' });
    expect(await cache.get('user:1')).toEqual({ name: 'Ada' });
    expect(seen).toEqual([
      'user:1 in primary',
      'user:1 not in primary',
      'user:1 in secondary',
      'user:1 in primary',
    ]);
  });

  test('get() finds a value from another process, or returns a miss if no layer has the key', async () => {
    await cache.set('user:1', 'Ada');
    const other = otherProcess();
    const seen = lookUps(other);
    expect(await other.get('user:1')).toBe('Ada');
    expect(await other.get('user:2')).toBeUndefined();
    expect(seen.slice(-2)).toEqual(['user:2 not in primary', 'user:2 not in secondary']);
  });

  test.each<[string, unknown]>([
    ['text', 'välue'],
    ['a number', 1.5],
    ['an object', { list: [1, null, { deep: true }] }],
    ['bytes', Buffer.from([0, 0xff, 0xc3, 0x28])],
  ])('get() returns %s from Redis unchanged', async (_what, value) => {
    await cache.set('value', value);
    expect(await otherProcess().get('value')).toEqual(value);
  });

  test('has(), hasMany() and take() ask both layers', async () => {
    await cache.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ]);
    await cache.primary.delete('b');
    expect(await cache.has('b')).toBe(true);
    expect(await cache.hasMany(['a', 'b', 'c'])).toEqual([true, true, false]);
    expect(await cache.take('b')).toBe(2);
    expect(await cache.takeMany(['a', 'b'])).toEqual([1, undefined]);
    expect(await sharedRedis.keys()).toEqual([]);
  });
});

describe('Cacheable with many keys', () => {
  const keys = Array.from({ length: 100 }, (_, number) => `key-${number}`);

  test('setMany() writes to every server', async () => {
    expect(await cache.setMany(keys.map((key) => ({ key, value: `value of ${key}` })))).toBe(true);
    const byServer = await sharedRedis.keysByServer(`${NAMESPACE}:`);
    expect(byServer.flat().sort()).toEqual(keys.map((key) => `${NAMESPACE}:${key}`).sort());
    for (const keys of byServer) expect(keys.length).toBeGreaterThan(0);
  });

  test('getMany() reads each key from the layer that has it, and returns values in key order', async () => {
    await cache.setMany(keys.map((key) => ({ key, value: `value of ${key}` })));
    const other = otherProcess();
    await other.get('key-1');
    const seen = lookUps(other);
    const asked = ['none', 'key-1', 'key-99', 'key-0', 'nor this'];
    expect(await other.getMany(asked)).toEqual([
      undefined,
      'value of key-1',
      'value of key-99',
      'value of key-0',
      undefined,
    ]);
    expect(seen.filter((line) => line.includes(' in ')).sort()).toEqual(
      [
        'key-0 in secondary',
        'key-1 in primary',
        'key-99 in secondary',
        ...['key-0', 'key-99', 'none', 'nor this'].map((key) => `${key} not in primary`),
        ...['none', 'nor this'].map((key) => `${key} not in secondary`),
      ].sort(),
    );
    expect(await other.primary.getMany(['key-0', 'key-99'])).toEqual(['value of key-0', 'value of key-99']);
  });

  test('delete() and deleteMany() remove keys from both layers', async () => {
    await cache.setMany(keys.map((key) => ({ key, value: 1 })));
    expect(await cache.delete('key-0')).toBe(true);
    expect(await cache.deleteMany(keys.slice(1, 99))).toBe(true);
    expect(await cache.getMany(['key-0', 'key-50', 'key-99'])).toEqual([undefined, undefined, 1]);
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:key-99`]);
  });
});

describe('Cacheable time to live', () => {
  test('of an entry is also applied in Redis', async () => {
    await cache.set('short', 1, '1m');
    await cache.set('long', 1, { ttl: { primary: '10s', secondary: '1h' } });
    await cache.setMany([
      { key: 'one of many', value: 1, ttl: '2m' },
      { key: 'for ever', value: 1 },
    ]);
    const minutes = async (key: string) =>
      Math.round((await sharedRedis.ttlMs(`${NAMESPACE}:${key}`)) / 60_000);
    expect(await minutes('short')).toBe(1);
    expect(await minutes('long')).toBe(60);
    expect(await minutes('one of many')).toBe(2);
    expect(await sharedRedis.ttlMs(`${NAMESPACE}:for ever`)).toBe(-1);
  });

  test('does not start again when a value is copied from Redis to memory', async () => {
    await cache.set('key', 1, '1m');
    const expires = (await cache.getRaw('key'))?.expires;
    const other = otherProcess();
    await other.get('key');
    const kept = (await other.primary.getRaw('key'))?.expires;
    expect(Math.abs(Number(kept) - Number(expires))).toBeLessThan(5000);
  });

  test('removes an entry from both layers when it ends', async () => {
    expect(await cache.set('key', 'value', 50)).toBe(true);
    await setTimeout(60);
    expect(await cache.get('key')).toBeUndefined();
    expect(await sharedRedis.get(`${NAMESPACE}:key`)).toBeNull();
  });
});

describe('Cacheable with functions:', () => {
  test('getOrSet() computes once for concurrent calls, and other processes read the value from Redis', async () => {
    const compute = jest.fn(async () => ({ name: 'Ada' }));
    const asked = await Promise.all(Array.from({ length: 10 }, () => cache.getOrSet('user:1', compute)));
    expect(asked).toEqual(Array.from({ length: 10 }, () => ({ name: 'Ada' })));
    expect(await otherProcess().getOrSet('user:1', compute)).toEqual({ name: 'Ada' });
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:user:1`]);
  });

  test('wrap() stores one result for each set of arguments, with its time to live', async () => {
    const compute = jest.fn(async (left: number, right: number) => left + right);
    const options = { keyPrefix: 'sum', ttl: '1m' };
    const add = cache.wrap(compute, options);
    expect([await add(1, 2), await add(1, 2), await add(2, 2)]).toEqual([3, 3, 4]);
    const addInOther = otherProcess().wrap(compute, options);
    expect([await addInOther(1, 2), await addInOther(2, 2)]).toEqual([3, 4]);
    expect(compute).toHaveBeenCalledTimes(2);
    const keys = await sharedRedis.keys(`${NAMESPACE}:sum::`);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await sharedRedis.ttlMs(key)).toBeGreaterThan(50_000);
  });

  test('getOrSet() stores nothing if the function throws', async () => {
    const failure = new Error('no such user');
    const fail = async () => {
      throw failure;
    };
    await expect(cache.getOrSet('user:1', fail, { throwErrors: true })).rejects.toBe(failure);
    expect(takeErrors()).toEqual([failure]);
    expect(await sharedRedis.keys()).toEqual([]);
  });
});

test('Cacheable tags that are invalidated in one process are invalid in every process', async () => {
  const other = otherProcess();
  cache.tags.enabled = true;
  other.tags.enabled = true;
  await cache.set('page:1', 'one', { tags: ['user:1'] });
  await cache.set('page:2', 'two', { tags: ['user:2'] });
  expect(await other.getMany(['page:1', 'page:2'])).toEqual(['one', 'two']);
  await cache.tags.invalidateTag('user:1');
  expect(await other.getMany(['page:1', 'page:2'])).toEqual([undefined, 'two']);
});

describe('Cacheable clear()', () => {
  test('removes the keys in its namespace, and no others, on every server', async () => {
    const neighbour = cacheOver(openStore(), `${NAMESPACE}:2`);
    const items = Array.from({ length: 20 }, (_, number) => ({ key: `key-${number}`, value: number }));
    await Promise.all([cache.setMany(items), neighbour.setMany(items)]);
    await cache.clear();
    expect(await sharedRedis.keys(`${NAMESPACE}:`)).toEqual([]);
    expect(await cache.get('key-1')).toBeUndefined();
    expect(await sharedRedis.keys(`${NAMESPACE}%3A2:`)).toHaveLength(20);
  });

  test('keeps keys in other namespaces of the same store', async () => {
    const [left, right] = [`${NAMESPACE}-left`, `${NAMESPACE}-right`].map((namespace) =>
      cacheOver(store.withNamespace(namespace), namespace),
    ) as [Cacheable, Cacheable];
    await Promise.all([left.set('key', 'left'), right.set('key', 'right')]);
    await left.primary.clear();
    expect(await left.get('key')).toBe('left');
    await left.clear();
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}-right:key`]);
  });
});

test('Cacheable uses its memory layer and emits one error per call while a server is down', async () => {
  const cut = cacheOver(openStoreOver(['127.0.0.1:1']));
  await cut.set('key', 'value');
  expect(await cut.get('key')).toBe('value');
  expect(takeErrors()).toEqual([expect.any(DRedisError)]);
  expect(await cut.get('other')).toBeUndefined();
  expect(takeErrors()).toEqual([expect.objectContaining({ code: 'DREDIS_NODE_UNAVAILABLE' })]);
});

test("Cacheable disconnect() closes the store's connections", async () => {
  await cache.set('key', 'value');
  const { client } = store.locate('key');
  await cache.disconnect();
  expect(client.isOpen).toBe(false);
  expect(() => store.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
});
