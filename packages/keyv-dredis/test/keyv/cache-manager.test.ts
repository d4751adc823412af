import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv5';
import type { DRedisStore } from '../../src/index.js';
import {
  collectErrors,
  onCleanUp,
  openStore,
  openStoreOver,
  sharedRedis,
  takeErrors,
} from '../support/index.js';

const NAMESPACE = 'cache-manager';

let store: DRedisStore;
let memory: Keyv;
let cache: Cache;

beforeEach(() => {
  store = openStore();
  memory = new Keyv();
  cache = open({ stores: [memory, keyvOver(store)] });
});

function open(options: Parameters<typeof createCache>[0]): Cache {
  const made = createCache(options);
  onCleanUp(() => made.disconnect());
  return made;
}

function keyvOver(store: DRedisStore, namespace = NAMESPACE): Keyv {
  const keyv = new Keyv({ store, namespace });
  collectErrors(keyv);
  return keyv;
}

/** A cache over the same servers, as in another process. */
const otherProcess = () => open({ stores: [new Keyv(), keyvOver(openStore())] });

const minutesLeft = async (key: string) =>
  Math.round((await sharedRedis.ttlMs(`${NAMESPACE}:${key}`)) / 60_000);

describe('cache-manager with two stores', () => {
  test('set() writes a value to both', async () => {
    expect(await cache.set('user:1', { name: 'Ada' })).toEqual({ name: 'Ada' });
    expect(await memory.get('user:1')).toEqual({ name: 'Ada' });
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:user:1`]);
    expect(await sharedRedis.get(`${NAMESPACE}:user:1`)).toContain('{"name":"Ada"}');
  });

  test('get() reads values from Redis if they are not in memory', async () => {
    await cache.set('user:1', { name: 'Ada' });
    await memory.clear();
    expect(await cache.get('user:1')).toEqual({ name: 'Ada' });
    expect(await otherProcess().get('user:1')).toEqual({ name: 'Ada' });
    expect(await cache.get('user:2')).toBeUndefined();
  });

  test('del() removes a key from both', async () => {
    await cache.set('key', 'value');
    expect(await cache.del('key')).toBe(true);
    expect(await cache.get('key')).toBeUndefined();
    expect(await sharedRedis.keys()).toEqual([]);
  });

  test('mget() returns falsy values and bytes from Redis unchanged', async () => {
    const values = [0, '', false, Buffer.from([0, 0xff])];
    await cache.mset(values.map((value, index) => ({ key: `value-${index}`, value })));
    expect(await otherProcess().mget(values.map((_, index) => `value-${index}`))).toEqual(values);
  });
});

describe('cache-manager with many keys', () => {
  const list = Array.from({ length: 100 }, (_, number) => ({
    key: `key-${number}`,
    value: number,
    ttl: 60_000,
  }));

  test('mset() writes to every server, each key with its time to live', async () => {
    await cache.mset(list);
    const byServer = await sharedRedis.keysByServer(`${NAMESPACE}:`);
    expect(byServer.flat().sort()).toEqual(list.map(({ key }) => `${NAMESPACE}:${key}`).sort());
    for (const keys of byServer) expect(keys.length).toBeGreaterThan(0);
    for (const { key } of list) expect(await minutesLeft(key)).toBe(1);
  });

  test('mget() reads each key from the store that has it, and returns values in key order', async () => {
    await cache.mset(list);
    await memory.deleteMany(['key-2', 'key-99']);
    await memory.set('key-1', 'in memory only');
    const asked = ['none', 'key-99', 'key-1', 'key-2', 'key-3', 'key-99'];
    expect(await cache.mget(asked)).toEqual([undefined, 99, 'in memory only', 2, 3, 99]);
  });

  test('mdel() removes keys from both stores', async () => {
    await cache.mset(list);
    expect(await cache.mdel(list.slice(1).map(({ key }) => key))).toBe(true);
    expect(await cache.mget(['key-0', 'key-50'])).toEqual([0, undefined]);
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:key-0`]);
  });
});

describe('cache-manager time to live', () => {
  test('is set by the entry, or else by the cache, and ttl() returns the expiry', async () => {
    const limited = open({ stores: [keyvOver(openStore())], ttl: 300_000 });
    await limited.set('own', 1, 120_000);
    await limited.set('default', 1);
    await cache.set('none', 1);
    expect(await minutesLeft('own')).toBe(2);
    expect(await minutesLeft('default')).toBe(5);
    expect(await sharedRedis.ttlMs(`${NAMESPACE}:none`)).toBe(-1);
    expect(Math.round((Number(await limited.ttl('own')) - Date.now()) / 60_000)).toBe(2);
    expect(await cache.ttl('none')).toBeUndefined();
    expect(await limited.ttl('not there')).toBeUndefined();
  });

  test('removes an entry from both stores when it ends', async () => {
    await cache.set('key', 'value', 50);
    await setTimeout(60);
    expect(await cache.get('key')).toBeUndefined();
    expect(await sharedRedis.get(`${NAMESPACE}:key`)).toBeNull();
  });
});

describe('cache-manager wrap()', () => {
  test('computes once for concurrent calls', async () => {
    const compute = jest.fn(async () => ({ name: 'Ada' }));
    const asked = await Promise.all(Array.from({ length: 10 }, () => cache.wrap('user:1', compute, 60_000)));
    expect(asked).toEqual(Array.from({ length: 10 }, () => ({ name: 'Ada' })));
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await minutesLeft('user:1')).toBe(1);
  });

  test('reads a value from Redis that another process computed, and keeps it in memory', async () => {
    const compute = jest.fn(async () => 'computed');
    await otherProcess().wrap('key', compute, 60_000);
    expect(await cache.wrap('key', compute, 60_000)).toBe('computed');
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await memory.get('key')).toBe('computed');
  });

  test('accepts a time to live that depends on the value', async () => {
    await cache.wrap(
      'key',
      async () => 3,
      (value) => value * 60_000,
    );
    expect(await minutesLeft('key')).toBe(3);
  });

  test('stores nothing if the function throws', async () => {
    const fail = async () => {
      throw new Error('no such user');
    };
    await expect(cache.wrap('user:1', fail)).rejects.toThrow('no such user');
    expect(await sharedRedis.keys()).toEqual([]);
  });

  test('refreshes a value in the background before it expires', async () => {
    let version = 0;
    const refreshed = new Promise((resolve) => cache.on('refresh', resolve));
    const ask = () => cache.wrap('key', async () => `version ${++version}`, 60_000, 30_000);
    await ask();
    // Simulates that 40 of the 60 seconds have passed.
    await cache.set('key', 'version 1', 20_000);
    expect(await ask()).toBe('version 1');
    expect(await refreshed).toEqual({ key: 'key', value: 'version 2' });
    // Only `memory` is refreshed, because it returned the value.
    expect(await memory.get('key')).toBe('version 2');
    expect(await sharedRedis.get(`${NAMESPACE}:key`)).toContain('version 1');
  });

  test('refreshes both stores with refreshAllStores', async () => {
    const both = open({
      stores: [new Keyv(), keyvOver(openStore())],
      ttl: 60_000,
      refreshThreshold: 30_000,
      refreshAllStores: true,
    });
    const refreshed = new Promise((resolve) => both.on('refresh', resolve));
    await both.set('key', 'old', 20_000);
    expect(await both.wrap('key', async () => 'new')).toBe('old');
    await refreshed;
    expect(await sharedRedis.get(`${NAMESPACE}:key`)).toContain('new');
    expect(await minutesLeft('key')).toBe(1);
  });
});

test('cache-manager clear() removes the keys in its namespace, and no others, on every server', async () => {
  const other = open({ stores: [keyvOver(store.withNamespace(), `${NAMESPACE}:2`)] });
  const list = Array.from({ length: 20 }, (_, number) => ({ key: `key-${number}`, value: number }));
  await Promise.all([cache.mset(list), other.mset(list)]);
  expect(await cache.clear()).toBe(true);
  expect(await sharedRedis.keys(`${NAMESPACE}:`)).toEqual([]);
  expect(await memory.get('key-1')).toBeUndefined();
  expect(await sharedRedis.keys(`${NAMESPACE}%3A2:`)).toHaveLength(20);
});

test('cache-manager uses the other store and emits one error per call while a server is down', async () => {
  const cut = open({ stores: [new Keyv(), keyvOver(openStoreOver(['127.0.0.1:1']))] });
  const unavailable = expect.objectContaining({ code: 'DREDIS_NODE_UNAVAILABLE' });
  expect(await cut.set('key', 'value')).toBe('value');
  expect(takeErrors()).toEqual([unavailable]);
  expect(await cut.get('key')).toBe('value');
  expect(await cut.wrap('other', async () => 'computed')).toBe('computed');
  expect(takeErrors()).toEqual([unavailable, unavailable]);
});

test("cache-manager disconnect() closes the store's connections", async () => {
  await cache.set('key', 'value');
  const { client } = store.locate('key');
  await cache.disconnect();
  expect(client.isOpen).toBe(false);
  expect(() => store.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
});
