import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisError, DRedisStore } from '../../src/index.js';
import {
  connectClient,
  errorsOf,
  MAJORS,
  nextEvent,
  openKeyv,
  openStoreOver,
  startServers,
} from '../support/index.js';

// With nodeDownPolicy: 'failover', the next available node clockwise stores the keys of a node that is down.

const TTL_MS = 30_000;

let redis: RedisServers;
let store: DRedisStore;
let errors: DRedisError[];
/** The nodes. Most tests kill `a`, and use keys for which `b` is the next node clockwise. */
let a: string;
let b: string;
let c: string;
let d: string;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  [a, b, c, d] = redis.locations as [string, string, string, string];
});

beforeEach(async () => {
  store = openStoreOver(redis.locations, { nodeDownPolicy: 'failover', failoverTtlMs: TTL_MS });
  errors = errorsOf(store);
  await store.connect();
});

const serverAt = (location: string) =>
  redis.servers.find((server) => server.location === location) as RedisServer;

/** Returns keys that the node `owner` owns, and for which the node `next` is the next node clockwise. */
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

describe('while a node is down,', () => {
  let keys: string[];

  beforeEach(async () => {
    keys = keysFor(a, b, 4);
    await kill(a);
  });

  test('the next node clockwise stores its keys for at most failoverTtlMs', async () => {
    const [forever, long, short, bulk] = keys as [string, string, string, string];
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(await store.set(forever, 'one')).toBe(true);
    expect(await store.set(long, 'two', Date.now() + 10 * TTL_MS)).toBe(true);
    expect(await store.set(short, 'three', Date.now() + TTL_MS / 10)).toBe(true);
    expect(await store.setMany([{ key: bulk, value: 'four' }])).toEqual([true]);
    expect(await store.getMany(keys)).toEqual(['one', 'two', 'three', 'four']);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(['one', 'two', 'three', 'four']);
    const fallback = await connectClient(b);
    for (const [key, maxTtlMs] of [
      [forever, TTL_MS],
      [long, TTL_MS],
      [short, TTL_MS / 10],
      [bulk, TTL_MS],
    ] as const) {
      const ttlMs = await fallback.pTTL(`%dredis:copy:keyv:${key}`);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(maxTtlMs);
    }
    expect(errors).toEqual([]);
  });

  test('every operation uses the fallback node', async () => {
    await store.setMany(keys.map((key) => ({ key, value: key })));
    expect(await store.hasMany([...keys, 'none'])).toEqual([true, true, true, true, false]);
    expect(await store.has(keys[0] as string)).toBe(true);
    expect(await store.delete(keys[0] as string)).toBe(true);
    expect(await store.deleteMany(keys)).toEqual([false, true, true, true]);
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(errors).toEqual([]);
  });

  test('clear() clears the fallback node, and rejects with the name of the down node', async () => {
    await store.setMany(keys.map((key) => ({ key, value: key })));
    await expect(store.clear()).rejects.toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [a] });
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
  });

  test.each(MAJORS)('%s stores and reads all keys without an error', async (_title, major) => {
    const keyv = openKeyv(major, { namespace: 'contract' }, store);
    const entries = Array.from({ length: 50 }, (_, number) => ({ key: `key-${number}`, value: { number } }));
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
    expect(await keyv.getMany(entries.map(({ key }) => key))).toEqual(entries.map(({ value }) => value));
    expect(errors).toEqual([]);
  });

  test("the fallback node's value is not read after the owner returns, nor in its next outage", async () => {
    const [key] = keys as [string];
    await store.set(key, 'first');
    await restart(a);
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'second');
    await kill(a);
    expect(await store.get(key)).toBeUndefined();
  });

  // Regression: if a value was written to the fallback node between the hint replay and 'node:up', the value
  // stayed there and was read in the next outage.
  test('a value written to the fallback just before the owner is up is not read in the next outage', async () => {
    const up = nextEvent(store, 'node:up');
    let isUp = false;
    up.then(() => {
      isUp = true;
    });
    const write = async (key: string) => {
      while (!isUp) await store.set(key, 'on b');
    };
    const written = Promise.all(keys.map(write));
    await serverAt(a).start();
    await written;
    await Promise.all(keys.map((key) => store.set(key, 'newer')));
    await kill(a);
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
  });

  test('the second node clockwise is the fallback if the first node clockwise is also down', async () => {
    const chain = keysFor(a, b, 200);
    const ring = new HashRing(redis.locations);
    const [key] = chain.filter((key) => ring.replicas(`keyv:${key}`, 3)[2] === c) as [string];
    await store.set(key, 'on b');
    await kill(b);
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'on c');
    expect(await store.get(key)).toBe('on c');
    await restart(b);
    // Neither the old value on `b` nor the value on `c` is read.
    expect(await store.get(key)).toBeUndefined();
    await restart(a);
    expect(await store.get(key)).toBeUndefined();
  });

  test("a fallback node's value is removed later if this node is down when the owner returns", async () => {
    const [key] = keys as [string];
    await store.set(key, 'on b');
    await serverAt(b).pause();
    await Promise.allSettled([1, 2, 3].map(() => store.has(key)));
    expect(store.status().map(({ state }) => state)).toEqual(['down', 'down', 'up', 'up']);
    await restart(a);
    const up = nextEvent(store, 'node:up');
    await serverAt(b).resume();
    await up;
    await kill(a);
    expect(await store.get(key)).toBeUndefined();
  });

  test('a value is not read if the fallback node stored it as the owner in an older topology', async () => {
    const [key] = keys as [string];
    // If the topology does not contain node `a`, node `b` is the owner.
    const before = openStoreOver([b, c, d]);
    await before.set(key, 'long ago');
    expect(before.locate(key).node).toBe(b);
    expect(await store.get(key)).toBeUndefined();
  });
});

describe('when more than half of the total weight is down,', () => {
  test('keys on down nodes are misses, without failover', async () => {
    const [key] = keysFor(a, d, 1) as [string];
    const [kept] = keysFor(d, a, 1) as [string];
    await store.set(kept, 'value');
    await kill(a);
    await kill(b);
    expect(await store.set(key, 'on d')).toBe(true);
    await kill(c);
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
    await restart(c);
    // Once half of the weight is up, `d` is the fallback again, but its value is outdated.
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'on d once more');
    expect(await store.get(key)).toBe('on d once more');
  });

  test('the total is computed from the weights, not from the number of nodes', async () => {
    const weighted = openStoreOver(
      [
        { name: a, url: `redis://${a}`, weight: 3 },
        { name: b, url: `redis://${b}`, weight: 2 },
      ],
      { nodeDownPolicy: 'failover' },
    );
    await weighted.connect();
    const key = Array.from({ length: 100 }, (_, number) => `key-${number}`).find(
      (key) => weighted.locate(key).node === a,
    ) as string;
    const down = nextEvent(weighted, 'node:down');
    await serverAt(a).kill();
    await down;
    expect(await weighted.set(key, 'value')).toBe(false);
  });
});
