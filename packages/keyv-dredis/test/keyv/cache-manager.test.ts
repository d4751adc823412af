import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv5';
import { DRedisStore } from '../../src/index.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';

const NAMESPACE = 'cache-manager-test';

let redis: PlainServers;
let store: DRedisStore;
let memory: Keyv;
let cache: Cache;
let errors: unknown[];
const opened: { disconnect(): Promise<unknown> }[] = [];

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
});

beforeEach(() => {
  errors = [];
  store = new DRedisStore(sharedLocations());
  memory = new Keyv();
  cache = open({ stores: [memory, keyvOver(store)] });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.disconnect()));
  await redis.remove(NAMESPACE);
  expect(errors).toEqual([]);
});

afterAll(() => redis?.close());

function open(options: Parameters<typeof createCache>[0]): Cache {
  const made = createCache(options);
  opened.push(made);
  return made;
}

function keyvOver(store: DRedisStore, namespace = NAMESPACE): Keyv {
  const keyv = new Keyv({ store, namespace });
  keyv.on('error', (error) => errors.push(error));
  return keyv;
}

/** What another process has, over the same servers. */
const elsewhere = () => open({ stores: [new Keyv(), keyvOver(new DRedisStore(sharedLocations()))] });

const minutesLeft = async (key: string) => Math.round((await redis.ttlMs(`${NAMESPACE}:${key}`)) / 60_000);

describe('several stores', () => {
  test('a value is written to all of them', async () => {
    expect(await cache.set('user:1', { name: 'Ada' })).toEqual({ name: 'Ada' });
    expect(await memory.get('user:1')).toEqual({ name: 'Ada' });
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:user:1`]);
    expect(await redis.get(`${NAMESPACE}:user:1`)).toContain('{"name":"Ada"}');
  });

  test('what the first has lost, and another process never had, comes from Redis', async () => {
    await cache.set('user:1', { name: 'Ada' });
    await memory.clear();
    expect(await cache.get('user:1')).toEqual({ name: 'Ada' });
    expect(await elsewhere().get('user:1')).toEqual({ name: 'Ada' });
    expect(await cache.get('user:2')).toBeUndefined();
  });

  test('del removes it from all of them', async () => {
    await cache.set('key', 'value');
    expect(await cache.del('key')).toBe(true);
    expect(await cache.get('key')).toBeUndefined();
    expect(await redis.keys(NAMESPACE)).toEqual([]);
  });

  test('falsy values and bytes come back from Redis as they were', async () => {
    const values = [0, '', false, Buffer.from([0, 0xff])];
    await cache.mset(values.map((value, index) => ({ key: `value-${index}`, value })));
    expect(await elsewhere().mget(values.map((_, index) => `value-${index}`))).toEqual(values);
  });
});

describe('many keys', () => {
  const list = Array.from({ length: 100 }, (_, number) => ({
    key: `key-${number}`,
    value: number,
    ttl: 60_000,
  }));

  test('mset writes all of them, over all servers, each with its time to live', async () => {
    await cache.mset(list);
    const byServer = await redis.keysByServer(`${NAMESPACE}:`);
    expect(byServer.flat().sort()).toEqual(list.map(({ key }) => `${NAMESPACE}:${key}`).sort());
    for (const keys of byServer) expect(keys.length).toBeGreaterThan(0);
    for (const { key } of list) expect(await minutesLeft(key)).toBe(1);
  });

  test('mget takes each from where it is, in the order asked for', async () => {
    await cache.mset(list);
    await memory.deleteMany(['key-2', 'key-99']);
    await memory.set('key-1', 'in memory only');
    const asked = ['none', 'key-99', 'key-1', 'key-2', 'key-3', 'key-99'];
    expect(await cache.mget(asked)).toEqual([undefined, 99, 'in memory only', 2, 3, 99]);
  });

  test('mdel removes them from all stores', async () => {
    await cache.mset(list);
    expect(await cache.mdel(list.slice(1).map(({ key }) => key))).toBe(true);
    expect(await cache.mget(['key-0', 'key-50'])).toEqual([0, undefined]);
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:key-0`]);
  });
});

describe('time to live', () => {
  test('is that of the entry, else that of the cache, and ttl() tells when it ends', async () => {
    const limited = open({ stores: [keyvOver(new DRedisStore(sharedLocations()))], ttl: 300_000 });
    await limited.set('own', 1, 120_000);
    await limited.set('default', 1);
    await cache.set('none', 1);
    expect(await minutesLeft('own')).toBe(2);
    expect(await minutesLeft('default')).toBe(5);
    expect(await redis.ttlMs(`${NAMESPACE}:none`)).toBe(-1);
    expect(Math.round((Number(await limited.ttl('own')) - Date.now()) / 60_000)).toBe(2);
    expect(await cache.ttl('none')).toBeUndefined();
    expect(await limited.ttl('not there')).toBeUndefined();
  });

  test('ends an entry in every store', async () => {
    await cache.set('key', 'value', 50);
    await setTimeout(60);
    expect(await cache.get('key')).toBeUndefined();
    expect(await redis.get(`${NAMESPACE}:key`)).toBeNull();
  });
});

describe('wrap', () => {
  test('computes once for all that ask at a time', async () => {
    const compute = jest.fn(async () => ({ name: 'Ada' }));
    const asked = await Promise.all(Array.from({ length: 10 }, () => cache.wrap('user:1', compute, 60_000)));
    expect(asked).toEqual(Array.from({ length: 10 }, () => ({ name: 'Ada' })));
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await minutesLeft('user:1')).toBe(1);
  });

  test('takes from Redis what another process has computed, and keeps it in memory', async () => {
    const compute = jest.fn(async () => 'computed');
    await elsewhere().wrap('key', compute, 60_000);
    expect(await cache.wrap('key', compute, 60_000)).toBe('computed');
    expect(compute).toHaveBeenCalledTimes(1);
    expect(await memory.get('key')).toBe('computed');
  });

  test('a time to live may depend on the value', async () => {
    await cache.wrap(
      'key',
      async () => 3,
      (value) => value * 60_000,
    );
    expect(await minutesLeft('key')).toBe(3);
  });

  test('a function that fails leaves nothing behind', async () => {
    const fail = async () => {
      throw new Error('no such user');
    };
    await expect(cache.wrap('user:1', fail)).rejects.toThrow('no such user');
    expect(await redis.keys(NAMESPACE)).toEqual([]);
  });

  test('refreshes in the background what is about to end', async () => {
    let version = 0;
    const refreshed = new Promise((resolve) => cache.on('refresh', resolve));
    const ask = () => cache.wrap('key', async () => `version ${++version}`, 60_000, 30_000);
    await ask();
    // As if most of the minute had passed.
    await cache.set('key', 'version 1', 20_000);
    expect(await ask()).toBe('version 1');
    expect(await refreshed).toEqual({ key: 'key', value: 'version 2' });
    // Only the store that had it is refreshed, and that was the memory.
    expect(await memory.get('key')).toBe('version 2');
    expect(await redis.get(`${NAMESPACE}:key`)).toContain('version 1');
  });

  test('refreshes all stores where that is wanted', async () => {
    const both = open({
      stores: [new Keyv(), keyvOver(new DRedisStore(sharedLocations()))],
      ttl: 60_000,
      refreshThreshold: 30_000,
      refreshAllStores: true,
    });
    const refreshed = new Promise((resolve) => both.on('refresh', resolve));
    await both.set('key', 'old', 20_000);
    expect(await both.wrap('key', async () => 'new')).toBe('old');
    await refreshed;
    expect(await redis.get(`${NAMESPACE}:key`)).toContain('new');
    expect(await minutesLeft('key')).toBe(1);
  });
});

test('clear removes what the namespace holds on every server, and nothing else', async () => {
  const neighbour = open({ stores: [keyvOver(store.withNamespace(), `${NAMESPACE}:2`)] });
  const list = Array.from({ length: 20 }, (_, number) => ({ key: `key-${number}`, value: number }));
  await Promise.all([cache.mset(list), neighbour.mset(list)]);
  expect(await cache.clear()).toBe(true);
  expect(await redis.keys(`${NAMESPACE}:`)).toEqual([]);
  expect(await memory.get('key-1')).toBeUndefined();
  expect(await redis.keys(`${NAMESPACE}%3A2:`)).toHaveLength(20);
});

test('a server that cannot be reached costs its store, told once a call, and not the others', async () => {
  const lonely = open({ stores: [new Keyv(), keyvOver(new DRedisStore(['127.0.0.1:1']))] });
  const unavailable = expect.objectContaining({ code: 'DREDIS_NODE_UNAVAILABLE' });
  expect(await lonely.set('key', 'value')).toBe('value');
  expect(errors.splice(0)).toEqual([unavailable]);
  expect(await lonely.get('key')).toBe('value');
  expect(await lonely.wrap('other', async () => 'computed')).toBe('computed');
  expect(errors.splice(0)).toEqual([unavailable, unavailable]);
});

test('disconnect ends the connections of the store', async () => {
  await cache.set('key', 'value');
  const { client } = store.locate('key');
  await cache.disconnect();
  expect(client.isOpen).toBe(false);
  expect(() => store.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
});
