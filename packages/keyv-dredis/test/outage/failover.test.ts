import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { createClient } from 'redis';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { type DRedisError, DRedisStore, type DRedisStoreOptions } from '../../src/index.js';
import { MAJORS, makeKeyv } from '../support/keyvs.js';
import { errorsOf, nextEvent } from '../support/stores.js';

// nodeDownPolicy: 'failover': the next live node clockwise serves the keys of one that is down.

const TTL_MS = 30_000;

let redis: RedisServers;
let store: DRedisStore;
let errors: DRedisError[];

beforeAll(async () => {
  redis = await startRedis({ count: 4 });
});

afterAll(() => redis?.stop());

function open(options: DRedisStoreOptions = {}): DRedisStore {
  return new DRedisStore(redis.locations, { nodeDownPolicy: 'failover', failoverTtlMs: TTL_MS, ...options });
}

beforeEach(async () => {
  await Promise.all(redis.servers.map((server) => server.start()));
  store = open();
  errors = errorsOf(store);
  await store.connect();
});

afterEach(() => store.disconnect());

const serverAt = (location: string) =>
  redis.servers.find((server) => server.location === location) as RedisServer;

/** Keys of which one node is the owner and another the next one clockwise. */
function keysFor(owner: string, next: string, count: number): string[] {
  const ring = new HashRing(redis.locations);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number += 1) {
    const [first, second] = ring.replicas(`keyv:key-${number}`, 2);
    if (first === owner && second === next) keys.push(`key-${number}`);
  }
  return keys;
}

async function kill(location: string): Promise<void> {
  const down = nextEvent(store, 'node:down');
  await serverAt(location).kill();
  await down;
}

async function restart(location: string): Promise<void> {
  const up = nextEvent(store, 'node:up');
  await serverAt(location).start();
  await up;
}

async function ttlAt(location: string, key: string): Promise<number> {
  const client = createClient({ url: `redis://${location}` });
  await client.connect();
  try {
    return await client.pTTL(key);
  } finally {
    await client.close();
  }
}

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((_, index) => () => redis.locations[index] as string) as [
  () => string,
  () => string,
  () => string,
  () => string,
];

describe('while a node is down', () => {
  let keys: string[];

  beforeEach(async () => {
    keys = keysFor(a(), b(), 4);
    await kill(a());
  });

  test('the next one clockwise has its keys, for failoverTtlMs at most', async () => {
    const [forever, long, short, bulk] = keys as [string, string, string, string];
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(await store.set(forever, 'one')).toBe(true);
    expect(await store.set(long, 'two', Date.now() + 10 * TTL_MS)).toBe(true);
    expect(await store.set(short, 'three', Date.now() + TTL_MS / 10)).toBe(true);
    expect(await store.setMany([{ key: bulk, value: 'four' }])).toEqual([true]);
    expect(await store.getMany(keys)).toEqual(['one', 'two', 'three', 'four']);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(['one', 'two', 'three', 'four']);
    for (const [key, most] of [
      [forever, TTL_MS],
      [long, TTL_MS],
      [short, TTL_MS / 10],
      [bulk, TTL_MS],
    ] as const) {
      const ttlMs = await ttlAt(b(), `%dredis:copy:keyv:${key}`);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(most);
    }
    expect(errors).toEqual([]);
  });

  test('every operation finds them there', async () => {
    await store.setMany(keys.map((key) => ({ key, value: key })));
    expect(await store.hasMany([...keys, 'none'])).toEqual([true, true, true, true, false]);
    expect(await store.has(keys[0] as string)).toBe(true);
    expect(await store.delete(keys[0] as string)).toBe(true);
    expect(await store.deleteMany(keys)).toEqual([false, true, true, true]);
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(errors).toEqual([]);
  });

  test('clear() removes them, and says whom it did not reach', async () => {
    await store.setMany(keys.map((key) => ({ key, value: key })));
    await expect(store.clear()).rejects.toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [a()] });
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
  });

  test.each(MAJORS)('%s notices nothing', async (_title, major) => {
    const keyv = makeKeyv(major, store, { namespace: 'contract' });
    const entries = Array.from({ length: 50 }, (_, number) => ({ key: `key-${number}`, value: { number } }));
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
    expect(await keyv.getMany(entries.map(({ key }) => key))).toEqual(entries.map(({ value }) => value));
    expect(errors).toEqual([]);
  });

  test('what stood in is gone when it is back, and when it is down once more', async () => {
    const [key] = keys as [string];
    await store.set(key, 'first');
    await restart(a());
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'second');
    await kill(a());
    expect(await store.get(key)).toBeUndefined();
  });

  // What was written to the one that stood in after the last look at its hints, and before 'node:up', stayed there,
  // and was read when the node went down again.
  test('nor is what stood in until the very moment that it was back', async () => {
    const up = nextEvent(store, 'node:up');
    let isUp = false;
    up.then(() => {
      isUp = true;
    });
    const write = async (key: string) => {
      while (!isUp) await store.set(key, 'stood in');
    };
    const written = Promise.all(keys.map(write));
    await serverAt(a()).start();
    await written;
    await Promise.all(keys.map((key) => store.set(key, 'newer')));
    await kill(a());
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
  });

  test('the one after the next stands in where that is down too', async () => {
    const chain = keysFor(a(), b(), 200);
    const ring = new HashRing(redis.locations);
    const [key] = chain.filter((key) => ring.replicas(`keyv:${key}`, 3)[2] === c()) as [string];
    await store.set(key, 'on b');
    await kill(b());
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'on c');
    expect(await store.get(key)).toBe('on c');
    await restart(b());
    // Neither what b had before it went, nor what c has.
    expect(await store.get(key)).toBeUndefined();
    await restart(a());
    expect(await store.get(key)).toBeUndefined();
  });

  test('what stood in on a node that is down when its owner is back is gone with its return', async () => {
    const [key] = keys as [string];
    await store.set(key, 'stood in');
    await serverAt(b()).pause();
    await Promise.all([1, 2, 3].map(() => store.has(key).catch(() => undefined)));
    expect(store.status().map(({ state }) => state)).toEqual(['down', 'down', 'up', 'up']);
    await restart(a());
    const up = nextEvent(store, 'node:up');
    await serverAt(b()).resume();
    await up;
    await kill(a());
    expect(await store.get(key)).toBeUndefined();
  });

  test('what is left of an older topology on the next one is not read', async () => {
    const [key] = keys as [string];
    const before = new DRedisStore([b(), c(), d()]);
    // Where b is the owner, as long as there is no a.
    await before.set(key, 'long ago');
    expect(before.locate(key).node).toBe(b());
    await before.disconnect();
    expect(await store.get(key)).toBeUndefined();
  });
});

describe('when more than half of the weight is down', () => {
  test('keys are misses, and nothing is remapped', async () => {
    const [key] = keysFor(a(), d(), 1) as [string];
    const [kept] = keysFor(d(), a(), 1) as [string];
    await store.set(kept, 'value');
    await kill(a());
    await kill(b());
    expect(await store.set(key, 'on d')).toBe(true);
    await kill(c());
    expect([await store.get(key), await store.has(key), await store.set(key, 'dropped')]).toEqual([
      undefined,
      false,
      false,
    ]);
    expect(
      await store.setMany([
        { key, value: 'dropped' },
        { key: kept, value: 'new' },
      ]),
    ).toEqual([false, true]);
    expect(await store.getMany([key, kept])).toEqual([undefined, 'new']);
    expect(errors).toEqual([]);
    await restart(c());
    // Half of them are enough, and d stands in again: but what it has was to be overwritten.
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'on d once more');
    expect(await store.get(key)).toBe('on d once more');
  });

  test('weights are what counts, not how many they are', async () => {
    await store.disconnect();
    store = open();
    const [one, two] = redis.locations as [string, string];
    const weighted = new DRedisStore(
      [
        { name: one, url: `redis://${one}`, weight: 3 },
        { name: two, url: `redis://${two}`, weight: 2 },
      ],
      { nodeDownPolicy: 'failover' },
    );
    try {
      await weighted.connect();
      const key = Array.from({ length: 100 }, (_, number) => `key-${number}`).find(
        (key) => weighted.locate(key).node === one,
      ) as string;
      const down = nextEvent(weighted, 'node:down');
      await serverAt(one).kill();
      await down;
      expect(await weighted.set(key, 'value')).toBe(false);
    } finally {
      await weighted.disconnect();
    }
  });
});
