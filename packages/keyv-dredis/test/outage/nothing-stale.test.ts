import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore, type DRedisStoreOptions } from '../../src/index.js';
import { StoreWithoutHints } from '../support/store-without-hints.js';
import { keysOf, nextEvent, timeOut } from '../support/stores.js';

// A server that was away comes back with what it had. Nobody gets a value from it that was overwritten,
// deleted or cleared meanwhile.

const MODES = ['error', 'miss', 'failover'] as const;

let redis: RedisServers;
let victim: RedisServer;
const stores: DRedisStore[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
  victim = redis.servers[0] as RedisServer;
});

afterAll(() => redis?.stop());

function open(options: DRedisStoreOptions = {}): DRedisStore {
  const store = new DRedisStore(redis.locations, {
    commandTimeoutMs: 300,
    connectTimeoutMs: 300,
    ...options,
  });
  // Where a store is without an error listener, the process warns of what is done to it on purpose.
  store.on('error', () => undefined);
  stores.push(store);
  return store;
}

const connected = ({ location }: RedisServer) => createClient({ url: `redis://${location}` }).connect();

/** Asks a server past the store. */
async function direct<T>(
  server: RedisServer,
  ask: (client: Awaited<ReturnType<typeof connected>>) => Promise<T>,
): Promise<T> {
  const client = await connected(server);
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

beforeEach(async () => {
  for (const server of redis.servers) await direct(server, (client) => client.flushAll());
});

afterEach(async () => {
  for (const server of redis.servers) {
    await server.resume();
    await server.start();
  }
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

const lostKeys = (store: DRedisStore, count: number) => keysOf(store, victim.location, count);
const old = (keys: readonly string[]) => keys.map((key) => ({ key, value: 'old' }));
const state = (store: DRedisStore) => store.status().find(({ name }) => name === victim.location)?.state;

/** Freezes the victim, until these stores know. */
async function freeze(...seenBy: DRedisStore[]): Promise<void> {
  await victim.pause();
  for (const store of seenBy) await timeOut(store, lostKeys(store, 1)[0] as string);
  expect(seenBy.map(state)).toEqual(seenBy.map(() => 'down'));
}

async function thaw(...seenBy: DRedisStore[]): Promise<void> {
  const up = seenBy.map(async (store) => {
    while (state(store) !== 'up') await nextEvent(store, 'node:up');
  });
  await victim.resume();
  await Promise.all(up);
}

/** Every way to change a key: it must not have its old value afterwards. */
const CHANGES: readonly [string, (store: DRedisStore, keys: readonly string[]) => Promise<unknown>][] = [
  ['set', (store, keys) => Promise.allSettled(keys.map((key) => store.set(key, 'new')))],
  ['set with an expiry', (store, keys) => store.set(keys[0] as string, 'new', Date.now() + 60_000)],
  ['delete', (store, keys) => Promise.allSettled(keys.map((key) => store.delete(key)))],
  ['setMany', (store, keys) => store.setMany(keys.map((key) => ({ key, value: 'new' })))],
  ['deleteMany', (store, keys) => store.deleteMany(keys)],
  ['clear', (store) => store.clear()],
];

describe.each(MODES)("nodeDownPolicy: '%s'", (nodeDownPolicy) => {
  describe.each(CHANGES)('%s while a server is away', (name, change) => {
    test('is not undone by its return, for anybody', async () => {
      const [writer, other] = [open({ nodeDownPolicy }), open({ nodeDownPolicy })];
      const keys = lostKeys(writer, name === 'set with an expiry' ? 1 : 5);
      const untouched = lostKeys(writer, 10).slice(5);
      await writer.setMany(old([...keys, ...untouched]));
      await other.connect();
      await freeze(writer, other);
      await change(writer, keys).catch(() => undefined);
      await thaw(writer, other);
      const nobody = keys.map(() => undefined);
      expect([await writer.getMany(keys), await other.getMany(keys)]).toEqual([nobody, nobody]);
      // What nobody touched is there.
      if (name !== 'clear') expect(await other.getMany(untouched)).toEqual(untouched.map(() => 'old'));
    });

    test('is not undone where the writer is gone before the server returns', async () => {
      const writer = open({ nodeDownPolicy });
      const keys = lostKeys(writer, name === 'set with an expiry' ? 1 : 5);
      await writer.setMany(old(keys));
      await freeze(writer);
      await change(writer, keys).catch(() => undefined);
      await writer.disconnect();
      await victim.resume();
      const reader = open({ nodeDownPolicy });
      expect(await reader.getMany(keys)).toEqual(keys.map(() => undefined));
    });
  });

  test('a write that was never answered is undone by the first sign of life', async () => {
    const store = open({ nodeDownPolicy });
    const [key, other] = lostKeys(store, 2) as [string, string];
    await store.set(key, 'old');
    await victim.pause();
    await store.set(key, 'late').catch(() => undefined);
    expect(state(store)).toBe('suspect');
    await victim.resume();
    expect(await store.has(other)).toBe(false);
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'next');
    expect(await store.get(key)).toBe('next');
  });

  test('without hints, it is: what the tests above see is theirs', async () => {
    await using store = new StoreWithoutHints(redis.locations, {
      commandTimeoutMs: 300,
      connectTimeoutMs: 300,
      nodeDownPolicy,
    });
    store.on('error', () => undefined);
    const [key] = lostKeys(store, 1) as [string];
    await store.set(key, 'old');
    await freeze(store);
    await store.set(key, 'new').catch(() => undefined);
    await thaw(store);
    expect(await store.get(key)).toBe('old');
  });
});

describe('hints', () => {
  const hintsAnywhere = async () =>
    (
      await Promise.all(
        redis.servers.slice(1).map((server) => direct(server, (client) => client.keys('%dredis:hints:*'))),
      )
    ).flat();

  test('lie on another server, expire, and go when they were carried out', async () => {
    const store = open({ nodeDownPolicy: 'miss' });
    const [key] = lostKeys(store, 1) as [string];
    await store.connect();
    await freeze(store);
    expect(await store.set(key, 'new')).toBe(false);
    let names: string[] = [];
    while (names.length === 0) names = await hintsAnywhere();
    const name = `%dredis:hints:${victim.location}`;
    expect(names).toEqual([name]);
    const holder = redis.servers[1] as RedisServer;
    expect(await direct(holder, (client) => client.sMembers(name))).toEqual([`key keyv:${key}`]);
    const ttlMs = await direct(holder, (client) => client.pTTL(name));
    expect(ttlMs).toBeGreaterThan(3_600_000);
    expect(ttlMs).toBeLessThanOrEqual(24 * 3_600_000);
    await thaw(store);
    expect(await hintsAnywhere()).toEqual([]);
  });

  test('and all else that is the store’s own is hidden where keys are raw', async () => {
    const options = { nodeDownPolicy: 'miss', keyFormat: 'raw', ownsDatabase: true } as const;
    const store = open(options);
    await store.connect();
    await store.set('user', 'value');
    const seen: string[] = [];
    for await (const [key] of store.iterator()) seen.push(key);
    expect(seen).toEqual(['user']);
    const own = (server: RedisServer) => direct(server, (client) => client.keys('%dredis:*'));
    const before = await Promise.all(redis.servers.map(own));
    expect(before.every(({ length }) => length > 0)).toBe(true);
    await store.clear();
    expect((await Promise.all(redis.servers.map(own))).map(({ length }) => length)).toEqual(
      before.map(({ length }) => length),
    );
    expect(await store.has('user')).toBe(false);
  });

  test('that are too many become one that purges the namespaces, and nothing else', async () => {
    const store = open({ nodeDownPolicy: 'miss' });
    const fork = store.withNamespace('fork');
    const keys = lostKeys(store, 10_100);
    await store.setMany(old(keys.slice(0, 20)));
    await fork.set('any', 'old');
    await direct(victim, (client) => client.mSet({ foreign: 'value', 'keyv:left': 'value' }));
    await freeze(store);
    await store.setMany(keys.slice(10).map((key) => ({ key, value: 'new' })));
    await thaw(store);
    expect(await store.getMany(keys.slice(0, 20))).toEqual(keys.slice(0, 20).map(() => undefined));
    const left = await direct(victim, (client) => client.keys('*'));
    expect(left.filter((key) => !key.startsWith('%')).sort()).toEqual(['foreign']);
    expect(await hintsAnywhere()).toEqual([]);
  });

  test('of raw keys among those of others are left once each, however many they are', async () => {
    const store = open({ nodeDownPolicy: 'miss', keyFormat: 'raw' });
    await store.connect();
    const keys = Array.from({ length: 60_000 }, (_, number) => `raw-${number}`);
    const lost = keys.filter((key) => store.locate(key).node === victim.location).slice(0, 10_100);
    expect(lost).toHaveLength(10_100);
    await victim.pause();
    await timeOut(store, lost[0] as string);
    await store.setMany(lost.map((key) => ({ key, value: 'new' })));
    const holder = redis.servers[1] as RedisServer;
    const name = `%dredis:hints:${victim.location}`;
    let count = 0;
    while (count < lost.length) count = await direct(holder, (client) => client.sCard(name));
    const calls = async () =>
      /cmdstat_sadd:calls=(\d+)/.exec(await direct(holder, (client) => client.info('commandstats')))?.[1];
    // What had to be sent has been sent, and nothing is sent for ever.
    const before = await calls();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await calls()).toBe(before);
    await thaw(store);
  });

  test('of a server of which no other is left stay with the process', async () => {
    const single = new DRedisStore([victim.location], { commandTimeoutMs: 300, nodeDownPolicy: 'miss' });
    stores.push(single);
    await single.set('key', 'old');
    await victim.pause();
    await timeOut(single, 'key');
    await single.delete('key');
    await thaw(single);
    expect(await single.get('key')).toBeUndefined();
  });
});

describe('a server that restarts with an old snapshot', () => {
  let store: DRedisStore;
  let key: string;

  /** Writes, lets the server save that, writes again, and restarts it. */
  async function restart(options: DRedisStoreOptions): Promise<void> {
    store = open({ ...options });
    [key] = lostKeys(store, 1) as [string];
    await store.set(key, 'old');
    await direct(victim, async (client) => {
      await client.set('foreign', 'value');
      await client.set('%dredis:copy:keyv:of another', 'old');
      await client.sendCommand(['SAVE']);
    });
    await store.set(key, 'new');
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    await down;
    await victim.start();
  }

  test('has none of our keys when it is used again', async () => {
    await restart({});
    await thaw(store);
    expect(await store.get(key)).toBeUndefined();
    expect(await direct(victim, (client) => client.get('foreign'))).toBe('value');
    expect(await direct(victim, (client) => client.exists('%dredis:copy:keyv:of another'))).toBe(0);
    // Once is enough.
    await store.set(key, 'newer');
    const again = open();
    expect(await again.get(key)).toBe('newer');
  });

  test('not for a process that starts afterwards either', async () => {
    await restart({});
    await store.disconnect();
    expect(await open().get(key)).toBeUndefined();
  });

  test('keeps them where the user says so', async () => {
    await restart({ restartPolicy: 'keep' });
    await thaw(store);
    expect(await store.get(key)).toBe('old');
  });
});
