import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Cacheable, CacheableEvents } from 'cacheable';
import { DRedisError, DRedisStore } from '../../src/index.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';

const NAMESPACE = 'cacheable-test';

let redis: PlainServers;
let store: DRedisStore;
let cache: Cacheable;
let errors: unknown[];
const opened: { disconnect(): Promise<unknown> }[] = [];

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
});

beforeEach(() => {
  errors = [];
  store = new DRedisStore(sharedLocations());
  cache = cacheOver(store);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.disconnect()));
  await redis.remove(NAMESPACE);
  expect(errors).toEqual([]);
});

afterAll(() => redis?.close());

/** A cache with a memory layer of its own in front, as another process would have. */
function cacheOver(secondary: DRedisStore, namespace = NAMESPACE): Cacheable {
  const made = new Cacheable({ secondary, namespace });
  made.on(CacheableEvents.ERROR, (error) => errors.push(error));
  opened.push(made);
  return made;
}

const elsewhere = () => cacheOver(new DRedisStore(sharedLocations()));

/** Which layers were asked, and what came of it. */
function lookUps(of: Cacheable): string[] {
  const seen: string[] = [];
  of.on(CacheableEvents.CACHE_HIT, ({ key, store }) => seen.push(`${key} in ${store}`));
  of.on(CacheableEvents.CACHE_MISS, ({ key, store }) => seen.push(`${key} not in ${store}`));
  return seen;
}

describe('two layers', () => {
  test('a value is written to both', async () => {
    expect(await cache.set('user:1', { name: 'Ada' })).toBe(true);
    expect(await cache.primary.get('user:1')).toEqual({ name: 'Ada' });
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:user:1`]);
    expect(await redis.get(`${NAMESPACE}:user:1`)).toContain('{"name":"Ada"}');
  });

  test('what memory has is not asked of Redis; what it has lost comes from there, and is kept again', async () => {
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

  test('another process finds what this one has written, and where neither has a key it is a miss', async () => {
    await cache.set('user:1', 'Ada');
    const other = elsewhere();
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
  ])('%s comes back from Redis as it was', async (_what, value) => {
    await cache.set('value', value);
    expect(await elsewhere().get('value')).toEqual(value);
  });

  test('has, hasMany and take ask both', async () => {
    await cache.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ]);
    await cache.primary.delete('b');
    expect(await cache.has('b')).toBe(true);
    expect(await cache.hasMany(['a', 'b', 'c'])).toEqual([true, true, false]);
    expect(await cache.take('b')).toBe(2);
    expect(await cache.takeMany(['a', 'b'])).toEqual([1, undefined]);
    expect(await redis.keys(NAMESPACE)).toEqual([]);
  });
});

describe('many keys', () => {
  const keys = Array.from({ length: 100 }, (_, number) => `key-${number}`);

  test('setMany writes all of them, over all servers', async () => {
    expect(await cache.setMany(keys.map((key) => ({ key, value: `value of ${key}` })))).toBe(true);
    const byServer = await redis.keysByServer(`${NAMESPACE}:`);
    expect(byServer.flat().sort()).toEqual(keys.map((key) => `${NAMESPACE}:${key}`).sort());
    for (const keys of byServer) expect(keys.length).toBeGreaterThan(0);
  });

  test('getMany takes each from where it is, in the order asked for', async () => {
    await cache.setMany(keys.map((key) => ({ key, value: `value of ${key}` })));
    const other = elsewhere();
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

  test('delete and deleteMany remove them from both', async () => {
    await cache.setMany(keys.map((key) => ({ key, value: 1 })));
    expect(await cache.delete('key-0')).toBe(true);
    expect(await cache.deleteMany(keys.slice(1, 99))).toBe(true);
    expect(await cache.getMany(['key-0', 'key-50', 'key-99'])).toEqual([undefined, undefined, 1]);
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:key-99`]);
  });
});

describe('time to live', () => {
  test('is that of the entry, in Redis too', async () => {
    await cache.set('short', 1, '1m');
    await cache.set('long', 1, { ttl: { primary: '10s', secondary: '1h' } });
    await cache.setMany([
      { key: 'one of many', value: 1, ttl: '2m' },
      { key: 'for ever', value: 1 },
    ]);
    const minutes = async (key: string) => Math.round((await redis.ttlMs(`${NAMESPACE}:${key}`)) / 60_000);
    expect(await minutes('short')).toBe(1);
    expect(await minutes('long')).toBe(60);
    expect(await minutes('one of many')).toBe(2);
    expect(await redis.ttlMs(`${NAMESPACE}:for ever`)).toBe(-1);
  });

  test('is not begun anew when memory takes a value from Redis', async () => {
    await cache.set('key', 1, '1m');
    const expires = (await cache.getRaw('key'))?.expires;
    const other = elsewhere();
    await other.get('key');
    const kept = (await other.primary.getRaw('key'))?.expires;
    expect(Math.abs(Number(kept) - Number(expires))).toBeLessThan(5000);
  });

  test('ends an entry in both', async () => {
    expect(await cache.set('key', 'value', 50)).toBe(true);
    await setTimeout(60);
    expect(await cache.get('key')).toBeUndefined();
    expect(await redis.get(`${NAMESPACE}:key`)).toBeNull();
  });
});

describe('functions', () => {
  test('getOrSet computes once for all that ask at a time, and other processes take it from Redis', async () => {
    const compute = jest.fn(async () => ({ name: 'Ada' }));
    const asked = await Promise.all(Array.from({ length: 10 }, () => cache.getOrSet('user:1', compute)));
    expect(asked).toEqual(Array.from({ length: 10 }, () => ({ name: 'Ada' })));
    expect(await elsewhere().getOrSet('user:1', compute)).toEqual({ name: 'Ada' });
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:user:1`]);
  });

  test('wrap keeps a result for each set of arguments, with its time to live', async () => {
    const compute = jest.fn(async (left: number, right: number) => left + right);
    const options = { keyPrefix: 'sum', ttl: '1m' };
    const add = cache.wrap(compute, options);
    expect([await add(1, 2), await add(1, 2), await add(2, 2)]).toEqual([3, 3, 4]);
    const addElsewhere = elsewhere().wrap(compute, options);
    expect([await addElsewhere(1, 2), await addElsewhere(2, 2)]).toEqual([3, 4]);
    expect(compute).toHaveBeenCalledTimes(2);
    const keys = await redis.keys(`${NAMESPACE}:sum::`);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await redis.ttlMs(key)).toBeGreaterThan(50_000);
  });

  test('a function that fails leaves nothing behind', async () => {
    const failure = new Error('no such user');
    const fail = async () => {
      throw failure;
    };
    await expect(cache.getOrSet('user:1', fail, { throwErrors: true })).rejects.toBe(failure);
    expect(errors.splice(0)).toEqual([failure]);
    expect(await redis.keys(NAMESPACE)).toEqual([]);
  });
});

test('tags, whose lists lie in Redis, hold for every process', async () => {
  const other = elsewhere();
  cache.tags.enabled = true;
  other.tags.enabled = true;
  await cache.set('page:1', 'one', { tags: ['user:1'] });
  await cache.set('page:2', 'two', { tags: ['user:2'] });
  expect(await other.getMany(['page:1', 'page:2'])).toEqual(['one', 'two']);
  await cache.tags.invalidateTag('user:1');
  expect(await other.getMany(['page:1', 'page:2'])).toEqual([undefined, 'two']);
});

describe('clear', () => {
  test('removes what the namespace holds on every server, and nothing else', async () => {
    const neighbour = cacheOver(new DRedisStore(sharedLocations()), `${NAMESPACE}:2`);
    const items = Array.from({ length: 20 }, (_, number) => ({ key: `key-${number}`, value: number }));
    await Promise.all([cache.setMany(items), neighbour.setMany(items)]);
    await cache.clear();
    expect(await redis.keys(`${NAMESPACE}:`)).toEqual([]);
    expect(await cache.get('key-1')).toBeUndefined();
    expect(await redis.keys(`${NAMESPACE}%3A2:`)).toHaveLength(20);
  });

  test('nor what forks of the same store hold', async () => {
    const [left, right] = [`${NAMESPACE}-left`, `${NAMESPACE}-right`].map((namespace) =>
      cacheOver(store.withNamespace(namespace), namespace),
    ) as [Cacheable, Cacheable];
    await Promise.all([left.set('key', 'left'), right.set('key', 'right')]);
    await left.primary.clear();
    expect(await left.get('key')).toBe('left');
    await left.clear();
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}-right:key`]);
  });
});

test('a server that cannot be reached costs the second layer, told once a call, and not the first', async () => {
  const lonely = cacheOver(new DRedisStore(['127.0.0.1:1']));
  await lonely.set('key', 'value');
  expect(await lonely.get('key')).toBe('value');
  expect(errors.splice(0)).toEqual([expect.any(DRedisError)]);
  expect(await lonely.get('other')).toBeUndefined();
  expect(errors.splice(0)).toEqual([expect.objectContaining({ code: 'DREDIS_NODE_UNAVAILABLE' })]);
});

test('disconnect ends the connections of the store', async () => {
  await cache.set('key', 'value');
  const { client } = store.locate('key');
  await cache.disconnect();
  expect(client.isOpen).toBe(false);
  expect(() => store.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
});
