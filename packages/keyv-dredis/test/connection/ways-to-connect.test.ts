import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore, Locations } from '../../src/index.js';
import {
  makeTemporaryFolder,
  openStoreOver,
  rejection,
  startServer,
  startServers,
} from '../support/index.js';

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
    ['LOCALHOST with a trailing dot', () => `LOCALHOST.:${server.port}`],
    ['an IPv4 address with a trailing dot', () => `${server.host}.:${server.port}`],
    ['an IPv4-mapped IPv6 address', () => `[::ffff:${server.host}]:${server.port}`],
    ['a valkey:// URL', () => `valkey://${server.location}/0`],
    ['a URL with an IP version', () => `redis://localhost:${server.port}?family=4`],
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

test('a URL with family=6 connects over IPv6 only', async () => {
  const store = openStoreOver(`redis://localhost:${server.port}?family=6`);
  expect(await rejection(store.connect())).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE' });
});

// Regression: each spelling of a server was a node of its own, so two processes with different spellings
// looked for a key on different servers.
test("stores that spell their servers differently find each other's entries", async () => {
  const { servers } = await startServers({ count: 3 });
  const [a, b, c] = servers.map(({ port }) => port);
  const spellings: Locations[] = [
    [`localhost:${a}`, `127.0.0.1:${b}`, `localhost:${c}`],
    `redis://LOCALHOST:${a}/0;[::ffff:127.0.0.1]:0${b};localhost.:${c}`,
    [
      { host: 'LocalHost.', port: a, database: 0 },
      () => createClient({ url: `redis://127.0.0.1:${b}/0` }),
      { url: `valkey://localhost.:${c}?family=4` },
    ],
  ];
  const stores = spellings.map((locations) => openStoreOver(locations));
  const keys = Array.from({ length: 100 }, (_, number) => `key-${number}`);
  for (const [index, store] of stores.entries()) {
    expect(store.nodes).toEqual(stores[0]?.nodes);
    const values = keys.map((key) => `${key} of store ${index}`);
    await store.setMany(keys.map((key, position) => ({ key, value: values[position] })));
    for (const other of stores) expect(await other.getMany(keys)).toEqual(values);
  }
});
