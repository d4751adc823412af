import { beforeEach, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { connectClient, openStoreOver, startServers } from '../support/index.js';

let redis: RedisServers;
let two: string[];

beforeEach(async () => {
  redis = await startServers({ count: 2 });
  two = [...redis.locations];
});

async function flushAll(): Promise<void> {
  for (const location of two) {
    const client = await connectClient(location);
    await client.flushAll();
    client.destroy();
  }
}

const KEYS = Array.from({ length: 100 }, (_, number) => `key-${number}`);

// FLUSHALL also removes the lists of prefixes. Changes moved nothing then, and old values came back.
test.each([0, 2])('a cache in epoch %i that was flushed can be changed', async (epoch) => {
  const store = openStoreOver(two.slice(0, 1), { namespace: 'n' });
  await store.connect();
  if (epoch > 0) {
    await store.reshard(two);
    await store.reshard(two.slice(0, 1));
  }
  await flushAll();
  await store.setMany(KEYS.map((key) => ({ key, value: 'old' })));
  await store.reshard(two);
  expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => 'old'));
  await store.setMany(KEYS.map((key) => ({ key, value: 'new' })));
  await store.reshard(two.slice(0, 1));
  expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => 'new'));
});

// A server evicts keys that nobody reads, such as the lists of prefixes, before the entries.
test('a cache whose lists of prefixes were evicted can be changed', async () => {
  const store = openStoreOver(two.slice(0, 1), { namespace: 'n' });
  await store.setMany(KEYS.map((key) => ({ key, value: 'old' })));
  for (const location of two) {
    const client = await connectClient(location);
    const lists = await client.keys('%dredis:prefixes*');
    if (lists.length > 0) await client.del(lists);
    client.destroy();
  }
  await store.reshard(two);
  expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => 'old'));
});

// FLUSHALL also removes the mark of the run. A process that started later took a server with an old snapshot for a new one.
test('a server that was flushed, and then restarts from an old snapshot, is noticed by a new process', async () => {
  const [server] = redis.servers as [RedisServer];
  const store = openStoreOver([server.location], { namespace: 'n' });
  await store.set('key', 'before');
  await flushAll();
  await store.set('key', 'old');
  await ask(server.location, ['SAVE']);
  await store.set('key', 'new');
  await store.disconnect();
  await server.kill();
  await server.start();
  const late = openStoreOver([server.location], { namespace: 'n' });
  expect(await late.get('key')).toBeUndefined();
});
