import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore, type DRedisStoreOptions } from '../../src/index.js';

// How many commands travel is what the servers count, so these are servers of our own.
let servers: RedisServers;
const stores: DRedisStore[] = [];

beforeAll(async () => {
  servers = await startRedis({ count: 2 });
});

afterAll(() => servers.stop());

beforeEach(() => onEach((client) => client.configResetStat()));

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

async function onEach<T>(ask: (client: ReturnType<typeof createClient>) => Promise<T>): Promise<T[]> {
  return Promise.all(
    servers.locations.map(async (location) => {
      const client = createClient({ url: `redis://${location}` });
      await client.connect();
      try {
        return await ask(client as never);
      } finally {
        await client.close();
      }
    }),
  );
}

/** How often each server was asked MGET. */
async function mGetCounts(): Promise<number[]> {
  const stats = await onEach((client) => client.info('commandstats'));
  return stats.map((text) => Number(/cmdstat_mget:calls=(\d+)/.exec(text)?.[1] ?? 0));
}

function makeStore(options: DRedisStoreOptions = {}): DRedisStore {
  const store = new DRedisStore([...servers.locations], { namespace: 'batched', ...options });
  stores.push(store);
  return store;
}

const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);

test('reads of one turn cost each server one command', async () => {
  const store = makeStore();
  await store.setMany(keys.map((key) => ({ key, value: `value of ${key}` })));
  const asked = [...keys, 'nothing', keys[0] as string];
  const values = await Promise.all(asked.map((key) => store.get(key)));
  expect(values).toEqual([...keys.map((key) => `value of ${key}`), undefined, 'value of key-0']);
  expect(await mGetCounts()).toEqual([1, 1]);
});

test('maxBatchSize: 1 sends each by itself', async () => {
  const store = makeStore({ maxBatchSize: 1 });
  await Promise.all(keys.map((key) => store.get(key)));
  expect((await mGetCounts()).reduce((sum, count) => sum + count)).toBe(keys.length);
});

test('a read that was asked for is still answered when the store is disconnected in the same turn', async () => {
  const store = makeStore();
  await store.set('last', 'words');
  const read = store.get('last');
  const disconnected = store.disconnect();
  expect(await read).toBe('words');
  await disconnected;
});

test("another program's list is a miss, for a lone read and in a batch alike", async () => {
  const store = makeStore();
  await onEach((client) => client.lPush('batched:list', 'x'));
  expect(await store.get('list')).toBeUndefined();
  expect(await Promise.all([store.get('list'), store.get('nothing')])).toEqual([undefined, undefined]);
});

describe('a node’s values are read as text until one is not', () => {
  const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x80]);
  const text = 'text \ufffd as such';

  test('and from then on as bytes: one command is sent twice, once', async () => {
    const store = makeStore();
    await store.setMany(keys.map((key) => ({ key, value: 'text' })));
    expect(await store.getMany(keys)).toEqual(keys.map(() => 'text'));
    expect(await mGetCounts()).toEqual([1, 1]);

    // Another process' bytes: what this one writes, it reads as what it is.
    await makeStore().setMany(keys.map((key) => ({ key, value: bytes })));
    expect(await store.getMany(keys)).toEqual(keys.map(() => bytes));
    expect(await mGetCounts()).toEqual([3, 3]);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(keys.map(() => bytes));
    expect(await mGetCounts()).toEqual([4, 4]);
  });

  test.each(['set', 'setMany', 'setMany with an expiry'])(
    'bytes of its own, by %s, are never read twice',
    async (how) => {
      const store = makeStore();
      const expires = how.endsWith('expiry') ? Date.now() + 60_000 : undefined;
      if (how === 'set') await Promise.all(keys.map((key) => store.set(key, bytes)));
      else await store.setMany(keys.map((key) => ({ key, value: bytes, expires })));
      expect(await store.getMany(keys)).toEqual(keys.map(() => bytes));
      expect(await mGetCounts()).toEqual([1, 1]);
    },
  );

  test('text that holds a replacement character itself comes back as it is', async () => {
    const store = makeStore();
    await store.set('text', text);
    expect(await store.get('text')).toBe(text);
    expect(await store.get('text')).toBe(text);
  });

  test('for iterator() too', async () => {
    const store = makeStore({ namespace: 'batched-bytes' });
    await store.setMany([
      { key: 'bytes', value: bytes },
      { key: 'text', value: text },
    ]);
    const entries: [string, unknown][] = [];
    for await (const entry of store.iterator()) entries.push(entry);
    expect(new Map(entries)).toEqual(
      new Map<string, unknown>([
        ['bytes', bytes],
        ['text', text],
      ]),
    );
  });
});
