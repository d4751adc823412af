import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore, Locations } from '../../src/index.js';
import { makeTemporaryFolder, openStoreOver, startServer } from '../support/index.js';

let path: string;
let server: RedisServer;

beforeAll(async () => {
  path = join(await makeTemporaryFolder('dredis-'), 'redis.sock');
  server = await startServer('--unixsocket', path);
});

async function expectToWork(store: DRedisStore): Promise<void> {
  await store.connect();
  expect(await store.set('key', 'value')).toBe(true);
  expect(await store.getMany(['key', 'none'])).toEqual(['value', undefined]);
  await store.clear();
  expect(await store.has('key')).toBe(false);
}

describe('a store connects to', () => {
  test.each<[string, (path: string) => Locations]>([
    ['unix:/path', (path) => `unix:${path}`],
    ['unix:///path', (path) => [`unix://${path}`]],
    ['{ path }', (path) => [{ path }]],
  ])('a Unix socket written as %s', async (_name, location) => {
    const store = openStoreOver(location(path));
    expect(store.nodes).toEqual([`unix:${path}`]);
    await expectToWork(store);
  });

  test.each<[string, () => Locations]>([
    ['host:port', () => server.location],
    ['a URL', () => `redis://${server.location}`],
    ['{ host, port }', () => [{ host: server.host, port: server.port }]],
    ['{ url }', () => [{ url: `redis://${server.location}/0` }]],
    ['localhost', () => `localhost:${server.port}`],
  ])('a server written as %s', async (_name, location) => {
    await expectToWork(openStoreOver(location()));
  });

  test('a server with RESP 2', async () => {
    await expectToWork(openStoreOver(server.location, { clientOptions: { RESP: 2 } }));
  });

  test('one database, and clear() does not affect other databases', async () => {
    const zero = openStoreOver(server.location);
    const three = openStoreOver(server.location, { database: 3 });
    const four = openStoreOver(`redis://${server.location}/4`, { database: 3 });
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

  test('two databases on one server, as two nodes', async () => {
    const store = openStoreOver([`redis://${server.location}/5`, `redis://${server.location}/6`]);
    const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
    await store.setMany(keys.map((key) => ({ key, value: key })));
    expect(await store.getMany(keys)).toEqual(keys);
    expect(new Set(keys.map((key) => store.locate(key).node)).size).toBe(2);
    await store.clear();
  });
});
