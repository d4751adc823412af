import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { LEASE_PREFIX, missedKey } from '../../src/format/reserved-keys.js';
import type { DRedisStore } from '../../src/index.js';
import { MAX_LOG_LENGTH } from '../../src/sharding/missed-writes.js';
import {
  keysWithSubstitute,
  openReady,
  untilAllServe,
  untilAway,
  untilDone,
  untilVoting,
} from '../support/failovers.js';
import { connectClient, DEADLINE_MS, errorsOf, keysOf, startServers, until } from '../support/index.js';

// The writes that a node misses are logged on the servers that serve its keys meanwhile. If a log is lost, all entries on the
// node count as old.

/** A frozen server is noticed after a timeout. */
const OPTIONS = { commandTimeoutMs: DEADLINE_MS / 2, connectTimeoutMs: DEADLINE_MS / 2 };

let redis: RedisServers;
let victim: RedisServer;
let substitute: RedisServer;
let store: DRedisStore;
let other: DRedisStore;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  [victim, substitute] = redis.servers as unknown as [RedisServer, RedisServer];
});

beforeEach(async () => {
  await Promise.all(redis.locations.map((location) => ask(location, ['FLUSHALL'])));
  [store, other] = await Promise.all([
    openReady(redis.locations, OPTIONS),
    openReady(redis.locations, OPTIONS),
  ]);
  for (const each of [store, other]) errorsOf(each);
  await untilVoting(redis.locations);
});

/** The reserved keys on all servers, without those that stay as long as the cache is used, and leases, which expire soon. */
async function leftovers(): Promise<readonly string[]> {
  const perServer = redis.locations.map(async (location) => {
    const client = await connectClient(location);
    const left: string[] = [];
    for (const key of await client.keys('%dredis:*')) {
      const isPermanent = /^%dredis:(topology|topology:vote|run|prefixes(:\w+)?)$/.test(key);
      const isLease = key.startsWith(LEASE_PREFIX) && (await client.pTTL(key)) <= 30_000;
      if (!isPermanent && !isLease) left.push(key);
    }
    client.destroy();
    return left;
  });
  return (await Promise.all(perServer)).flat();
}

/** Freezes the node, which keeps its entries, until it is away. */
async function freeze([key] = keysOf(store, victim.location, 1)): Promise<void> {
  await victim.pause();
  await Promise.all([store, other].map((each) => untilDone(() => each.has(key as string))));
  await untilAway(victim.location, store, other);
}

const entries = (keys: readonly string[], value: string) => keys.map((key) => ({ key, value }));

async function expectAll(keys: readonly string[], value: string | undefined): Promise<void> {
  for (const each of [store, other]) expect(new Set(await each.getMany(keys))).toEqual(new Set([value]));
}

test('after several outages, no log and no lock is left on any server', async () => {
  const keys = Array.from({ length: 100 }, (_, number) => `key-${number}`);
  for (const [round, server] of [...redis.servers, victim].entries()) {
    await server.kill();
    await untilAway(server.location, store, other);
    await store.setMany(entries(keys, `round ${round}`));
    await other.deleteMany(keys.slice(0, 10));
    await server.start();
    await untilAllServe(store, other);
    await expectAll(keys.slice(10), `round ${round}`);
    await expectAll(keys.slice(0, 10), undefined);
  }
  await until(async () => (await leftovers()).length === 0);
});

describe('nothing old is read after the return of a node', () => {
  let changed: string[];
  let removed: string[];

  beforeEach(async () => {
    const keys = keysWithSubstitute(store, [victim.location, substitute.location], 40);
    [changed, removed] = [keys.slice(0, 20), keys.slice(20)];
    await store.setMany(entries(keys, 'old'));
  });

  async function change(): Promise<void> {
    await store.setMany(entries(changed, 'new'));
    await other.deleteMany(removed);
  }

  test('if the log was deleted', async () => {
    await freeze();
    await change();
    const client = await connectClient(substitute.location);
    expect(await client.sCard(missedKey(victim.location))).toBeGreaterThanOrEqual(40);
    await client.del(missedKey(victim.location));
    await victim.resume();
    await untilAllServe(store, other);
    await expectAll(changed, 'new');
    await expectAll(removed, undefined);
  });

  test('if the log was deleted, and more was written afterwards', async () => {
    await freeze();
    await change();
    const client = await connectClient(substitute.location);
    await client.del(missedKey(victim.location));
    await store.set(changed[0] as string, 'newer');
    await victim.resume();
    await untilAllServe(store, other);
    expect(await other.get(changed[0] as string)).toBe('newer');
    await expectAll(changed.slice(1), 'new');
    await expectAll(removed, undefined);
  });

  test('if the server with the log has restarted empty', async () => {
    await freeze();
    await change();
    await substitute.kill();
    await substitute.start();
    await until(async () => (await untilDone(() => store.set('any', 'value'))) === true);
    await victim.resume();
    await untilAllServe(store, other);
    // The new values were on the server that has restarted.
    for (const each of [store, other]) {
      const found = await each.getMany([...changed, ...removed]);
      for (const value of found) expect([undefined, 'new']).toContain(value);
      expect(found.slice(20)).toEqual(removed.map(() => undefined));
    }
    await store.setMany(entries([...changed, ...removed], 'after'));
    await expectAll([...changed, ...removed], 'after');
  });

  test('if the server with the log was lost, too, and returns first', async () => {
    await freeze();
    await change();
    await substitute.kill();
    await untilAway(substitute.location, store, other);
    await store.deleteMany(removed);
    await substitute.start();
    await victim.resume();
    await untilAllServe(store, other);
    for (const each of [store, other]) {
      for (const value of await each.getMany(changed)) expect([undefined, 'new']).toContain(value);
    }
    await expectAll(removed, undefined);
  });

  test('if the server with the log was flushed', async () => {
    await freeze();
    await change();
    await ask(substitute.location, ['FLUSHALL']);
    await untilDone(() => store.set('any', 'value'));
    await victim.resume();
    await untilAllServe(store, other);
    for (const each of [store, other]) {
      for (const value of await each.getMany(changed)) expect([undefined, 'new']).toContain(value);
    }
    await expectAll(removed, undefined);
  });
});

test('a log that becomes too long is deleted, and then nothing old is read after the return of the node', async () => {
  // Nearly all keys of the victim have the same substitute.
  const weighed = redis.servers.map(({ location: name, host, port }, index) => ({
    ...{ name, host, port },
    weight: index < 2 ? 100 : 1,
  }));
  await Promise.all([store, other].map((each) => each.disconnect()));
  await Promise.all(redis.locations.map((location) => ask(location, ['FLUSHALL'])));
  [store, other] = await Promise.all([openReady(weighed, OPTIONS), openReady(weighed, OPTIONS)]);
  for (const each of [store, other]) errorsOf(each);
  await untilVoting(redis.locations);
  const all = Array.from({ length: 2.3 * MAX_LOG_LENGTH }, (_, number) => `key-${number}`);
  const keys = all.filter((key) => store.locate(key).node === victim.location);
  expect(keys.length).toBeGreaterThan(1.05 * MAX_LOG_LENGTH);
  const [changed, removed, rest] = [keys.slice(0, 100), keys.slice(100, 200), keys.slice(200)];
  await store.setMany(entries([...changed, ...removed], 'old'));
  await freeze(changed);
  await store.deleteMany(removed);
  await store.setMany(entries(changed, 'new'));
  const client = await connectClient(substitute.location);
  const log = missedKey(victim.location);
  expect(await client.sCard(log)).toBeGreaterThan(150);
  for (let start = 0; start < rest.length; start += 20_000) {
    await store.setMany(entries(rest.slice(start, start + 20_000), 'new'));
  }
  expect(await client.sCard(log)).toBeLessThan(MAX_LOG_LENGTH / 2);
  await victim.resume();
  await untilAllServe(store, other);
  await expectAll(changed, 'new');
  await expectAll(removed, undefined);
  await expectAll(rest, 'new');
});
