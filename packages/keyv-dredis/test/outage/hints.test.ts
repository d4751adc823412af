import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  connectClient,
  DEADLINE_MS,
  entriesOf,
  keysOf,
  openStoreOver,
  rejection,
  startServers,
  timeOut,
} from '../support/index.js';
import { pauseUntilDown, resumeUntilUp } from '../support/outages.js';

/** More hints than a node may have before a purge of whole prefixes replaces them. */
const TOO_MANY = 10_100;

let redis: RedisServers;
let clients: Awaited<ReturnType<typeof connectClient>>[];
let victim: RedisServer;
/** A client for the node that stores the hints about the victim. It is the next node after the victim. */
let holder: Awaited<ReturnType<typeof connectClient>>;
let hintsKey: string;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  clients = await Promise.all(redis.locations.map((location) => connectClient(location)));
  victim = redis.servers[0] as RedisServer;
  holder = clients[1] as typeof holder;
  hintsKey = `%dredis:hints:${victim.location}`;
});

beforeEach(async () => {
  for (const client of clients) await client.flushAll();
});

function open(options: DRedisStoreOptions = {}, locations: readonly string[] = redis.locations): DRedisStore {
  const deadlines = { commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS };
  const store = openStoreOver(locations, { ...deadlines, nodeDownPolicy: 'miss', ...options });
  return store.on('error', () => undefined);
}

const hintsOnHolders = async () =>
  (await Promise.all(clients.slice(1).map((client) => client.keys('%dredis:hints:*')))).flat();

test('a hint is stored on another server, expires, and is removed after the replay', async () => {
  const store = open();
  const [key] = keysOf(store, victim.location, 1) as [string];
  await store.connect();
  await pauseUntilDown(victim, store);
  expect(await store.set(key, 'new')).toBe(false);
  let names: string[] = [];
  while (names.length === 0) names = await hintsOnHolders();
  expect(names).toEqual([hintsKey]);
  expect(await holder.sMembers(hintsKey)).toEqual([`key keyv:${key}`]);
  const ttlMs = await holder.pTTL(hintsKey);
  expect(ttlMs).toBeGreaterThan(3_600_000);
  expect(ttlMs).toBeLessThanOrEqual(24 * 3_600_000);
  await resumeUntilUp(victim, store);
  expect(await hintsOnHolders()).toEqual([]);
});

test("iterator() and clear() with keyFormat: 'raw' skip hints and the other reserved keys", async () => {
  const store = open({ keyFormat: 'raw', ownsDatabase: true });
  await store.connect();
  await store.set('user', 'value');
  expect((await entriesOf(store)).map(([key]) => key)).toEqual(['user']);
  const reservedCounts = () =>
    Promise.all(clients.map(async (client) => (await client.keys('%dredis:*')).length));
  const before = await reservedCounts();
  expect(before.every((count) => count > 0)).toBe(true);
  await store.clear();
  expect(await reservedCounts()).toEqual(before);
  expect(await store.has('user')).toBe(false);
});

test("more than 10,000 hints are replaced by a purge of the store's namespaces, and no others", async () => {
  const store = open();
  const namespaced = store.withNamespace('namespaced');
  const keys = keysOf(store, victim.location, TOO_MANY);
  const old = keys.slice(0, 20);
  await store.setMany(old.map((key) => ({ key, value: 'old' })));
  await namespaced.set('any', 'old');
  await clients[0]?.mSet({ foreign: 'value', 'keyv:left': 'value' });
  await pauseUntilDown(victim, store);
  await store.setMany(keys.slice(10).map((key) => ({ key, value: 'new' })));
  await resumeUntilUp(victim, store);
  expect(await store.getMany(old)).toEqual(old.map(() => undefined));
  const left = (await clients[0]?.keys('*')) as string[];
  expect(left.filter((key) => !key.startsWith('%'))).toEqual(['foreign']);
  expect(await hintsOnHolders()).toEqual([]);
});

test("more than 10,000 hints about raw keys next to other programs' keys are sent once each", async () => {
  const store = open({ keyFormat: 'raw' });
  await store.connect();
  const keys = Array.from({ length: 60_000 }, (_, number) => `raw-${number}`);
  const lost = keys.filter((key) => store.locate(key).node === victim.location).slice(0, TOO_MANY);
  expect(lost).toHaveLength(TOO_MANY);
  await victim.pause();
  await timeOut(store, lost[0] as string);
  await store.setMany(lost.map((key) => ({ key, value: 'new' })));
  let count = 0;
  while (count < lost.length) count = await holder.sCard(hintsKey);
  const callCount = async () => /cmdstat_sadd:calls=(\d+)/.exec(await holder.info('commandstats'))?.[1];
  const before = await callCount();
  // If the store sent hints again, it would send them between these reads, on the same connection.
  const kept = keys.find((key) => store.locate(key).node === redis.locations[1]) as string;
  for (let reads = 0; reads < 100; reads += 1) await store.get(kept);
  expect(await callCount()).toBe(before);
  await resumeUntilUp(victim, store);
});

test('hints about the only server stay in the process', async () => {
  const store = open({}, [victim.location]);
  await store.set('key', 'old');
  await victim.pause();
  await timeOut(store, 'key');
  await store.delete('key');
  await resumeUntilUp(victim, store);
  expect(await store.get('key')).toBeUndefined();
});

// Regression: a failed clear() removed the prefix that stood for more than 10,000 missed keys, and the node
// came back with their old values.
test('a failed clear() does not remove the hint that replaces more than 10,000 hints', async () => {
  const store = open({}, [victim.location]);
  store.on('error', () => undefined);
  const keys = Array.from({ length: TOO_MANY }, (_, number) => `key-${number}`);
  await store.setMany(keys.slice(0, 10).map((key) => ({ key, value: 'old' })));
  await pauseUntilDown(victim, store);
  await store.setMany(keys.map((key) => ({ key, value: 'new' })));
  await rejection(store.clear());
  await resumeUntilUp(victim, store);
  expect(await store.getMany(keys.slice(0, 10))).toEqual(Array(10).fill(undefined));
});
