import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  connectClient,
  keysOf,
  NO_DEADLINES,
  nextEvent,
  openStoreOver,
  startServers,
} from '../support/index.js';
import { untilUp } from '../support/outages.js';

let redis: RedisServers;
let victim: RedisServer;
let client: Awaited<ReturnType<typeof connectClient>>;
let store: DRedisStore;
let key: string;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  victim = redis.servers[0] as RedisServer;
  client = await connectClient(victim.location);
});

beforeEach(() => client.flushAll());

const open = (options: DRedisStoreOptions = {}) =>
  openStoreOver(redis.locations, { ...NO_DEADLINES, ...options }).on('error', () => undefined);

/** Stores a value, makes the server save it, overwrites it, and restarts the server from the snapshot. */
async function restartWithOldSnapshot(options?: DRedisStoreOptions): Promise<void> {
  store = open(options);
  [key] = keysOf(store, victim.location, 1) as [string];
  await store.set(key, 'old');
  await client.set('foreign', 'value');
  await client.sendCommand(['SAVE']);
  await store.set(key, 'new');
  const down = nextEvent(store, 'node:down');
  await victim.kill();
  await down;
  await victim.start();
}

describe('a server that restarts with an old snapshot', () => {
  test("is purged of the store's keys once, before it is used again", async () => {
    await restartWithOldSnapshot();
    await untilUp(victim.location, store);
    expect(await store.get(key)).toBeUndefined();
    expect(await client.get('foreign')).toBe('value');
    await store.set(key, 'newer');
    expect(await open().get(key)).toBe('newer');
  });

  test('is purged by a process that starts after the restart', async () => {
    await restartWithOldSnapshot();
    await store.disconnect();
    expect(await open().get(key)).toBeUndefined();
  });

  test('is purged of one namespace only in the format of @keyv/redis', async () => {
    store = openStoreOver([victim.location], { keyFormat: 'keyv-redis', namespace: 'app:x' });
    store.on('error', () => undefined);
    const others = ['app', 'app::key', 'app:x:key', 'app:x', 'app:x1::key'];
    await client.mSet(others.map((other) => [other, 'value'] as [string, string]));
    await store.set('key', 'old');
    await client.sendCommand(['SAVE']);
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    await down;
    await victim.start();
    await untilUp(victim.location, store);
    expect(await store.get('key')).toBeUndefined();
    expect((await client.keys('app*')).sort()).toEqual(others.sort());
  });

  test("keeps its keys with restartPolicy: 'keep'", async () => {
    await restartWithOldSnapshot({ restartPolicy: 'keep' });
    await untilUp(victim.location, store);
    expect(await store.get(key)).toBe('old');
  });
});
