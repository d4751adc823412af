import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore, type DRedisStoreOptions, type Locations } from '../../src/index.js';

const stores: DRedisStore[] = [];

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

function makeStore(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, options);
  stores.push(store);
  return store;
}

async function expectToWork(store: DRedisStore): Promise<void> {
  await store.connect();
  expect(await store.set('key', 'value')).toBe(true);
  expect(await store.getMany(['key', 'none'])).toEqual(['value', undefined]);
  await store.clear();
  expect(await store.has('key')).toBe(false);
}

describe('a server on this machine', () => {
  let folder: string;
  let redis: RedisServers;
  let server: RedisServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dredis-'));
    redis = await startRedis({ count: 1, args: ['--unixsocket', join(folder, 'redis.sock')] });
    server = redis.servers[0] as RedisServer;
  });

  afterAll(async () => {
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each<[string, (path: string) => Locations]>([
    ['unix:/path', (path) => `unix:${path}`],
    ['unix:///path', (path) => [`unix://${path}`]],
    ['{ path }', (path) => [{ path }]],
  ])('by its Unix socket, as %s', async (_name, location) => {
    const path = join(folder, 'redis.sock');
    const store = makeStore(location(path));
    expect(store.nodes).toEqual([`unix:${path}`]);
    await expectToWork(store);
  });

  test.each<[string, () => Locations]>([
    ['host:port', () => server.location],
    ['a URL', () => `redis://${server.location}`],
    ['{ host, port }', () => [{ host: server.host, port: server.port }]],
    ['{ url }', () => [{ url: `redis://${server.location}/0` }]],
    ['localhost', () => `localhost:${server.port}`],
  ])('as %s', async (_name, location) => {
    await expectToWork(makeStore(location()));
  });

  test('with RESP 2', async () => {
    await expectToWork(makeStore(server.location, { clientOptions: { RESP: 2 } }));
  });

  test('database: each has keys of its own, and clear() leaves the others alone', async () => {
    const zero = makeStore(server.location);
    const three = makeStore(server.location, { database: 3 });
    const four = makeStore(`redis://${server.location}/4`, { database: 3 });
    await Promise.all([zero.set('key', '0'), three.set('key', '3'), four.set('key', '4')]);
    const values = () => Promise.all([zero, three, four].map((store) => store.get('key')));
    expect(await values()).toEqual(['0', '3', '4']);
    expect([zero.nodes, three.nodes, four.nodes]).toEqual([
      [server.location],
      [server.location],
      [`${server.location}/4`],
    ]);
    await three.clear();
    expect(await values()).toEqual(['0', undefined, '4']);
    await Promise.all([zero.clear(), four.clear()]);
  });

  test('two databases of one server are two nodes', async () => {
    const store = makeStore([`redis://${server.location}/5`, `redis://${server.location}/6`]);
    const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
    await store.setMany(keys.map((key) => ({ key, value: key })));
    expect(await store.getMany(keys)).toEqual(keys);
    expect(new Set(keys.map((key) => store.locate(key).node)).size).toBe(2);
    await store.clear();
  });
});
