import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStoreOptions, Locations } from '../../src/index.js';
import { connectClient, openStoreOver, startServers, until } from '../support/index.js';

let redis: RedisServers;
let two: string[];
let three: string[];
let warnings: string[];

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  three = [...redis.locations];
  two = three.slice(0, 2);
});

beforeEach(() => {
  warnings = [];
  jest.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
    if ((options as { code?: string } | undefined)?.code === 'DREDIS_RINGS_DIFFER')
      warnings.push(String(message));
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

const fingerprintOf = (locations: readonly string[]) => new HashRing(locations).fingerprint().slice(0, 12);

/** Opens a store, and waits until all its connections have their names. */
async function open(locations: Locations, options: DRedisStoreOptions = {}) {
  const store = openStoreOver(locations, options);
  await store.connect();
  return store;
}

/** The names of all connections to a server. */
async function namesOn(location: string | undefined): Promise<string[]> {
  const admin = await connectClient(location as string);
  const list = String(await admin.sendCommand(['CLIENT', 'LIST']));
  admin.destroy();
  return Array.from(list.matchAll(/ name=(\S+)/g), ([, name]) => name as string);
}

const untilNamed = (locations: readonly string[]) =>
  until(async () => (await namesOn(locations[0])).includes(`keyv-dredis_${fingerprintOf(locations)}`));

describe('a store whose server is used by a store with another ring', () => {
  test('warns once, although both share two servers', async () => {
    await open(two);
    await untilNamed(two);
    await open(three);
    await until(() => warnings.length > 0);
    await untilNamed(three);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      new RegExp(
        `^Node 127\\.0\\.0\\.1:\\d+ has 1 connections of stores with another ring \\(fingerprint ${fingerprintOf(two)}, ` +
          `for example from 127\\.0\\.0\\.1:\\d+; this process has ${fingerprintOf(three)}\\)`,
      ),
    );
  });

  test('warns if only a weight differs', async () => {
    await open(two);
    await untilNamed(two);
    await open([{ host: '127.0.0.1', port: redis.servers[0]?.port, weight: 2 }, two[1] as string]);
    await until(() => warnings.length > 0);
  });

  test('does not warn if the other store uses another database', async () => {
    await open(two, { database: 1 });
    await untilNamed(two);
    await open(three);
    await untilNamed(three);
    expect(warnings).toEqual([]);
  });
});

test('stores with the same ring do not warn, whatever the order of their locations', async () => {
  await open(three);
  await untilNamed(three);
  const store = await open(three.toReversed());
  await until(
    async () => (await namesOn(three[0])).filter((name) => name.startsWith('keyv-dredis_')).length === 2,
  );
  await store.set('key', 'value');
  expect(warnings).toEqual([]);
});

test('updateNodes() renames the connections that stay, so a store with the new ring does not warn', async () => {
  const store = await open(two);
  await untilNamed(two);
  await store.updateNodes(three);
  await until(async () => !(await namesOn(three[1])).includes(`keyv-dredis_${fingerprintOf(two)}`));
  await open(three);
  await until(
    async () => (await namesOn(three[2])).filter((name) => name.startsWith('keyv-dredis_')).length === 2,
  );
  expect(warnings).toEqual([]);
});

test('a connection keeps a name that the user has chosen', async () => {
  await open(two, { clientOptions: { name: 'mine' } });
  const names = await namesOn(two[0]);
  expect(names).toContain('mine');
  expect(names.filter((name) => name.startsWith('keyv-dredis_'))).toEqual([]);
});

test('the connection of a client of the caller gets a name, unless it has one', async () => {
  const clients = await Promise.all(two.map((location) => connectClient(location)));
  await clients[1]?.sendCommand(['CLIENT', 'SETNAME', 'mine']);
  await open(clients.map((client) => client as never));
  await until(async () =>
    String(await clients[0]?.sendCommand(['CLIENT', 'GETNAME'])).startsWith('keyv-dredis_'),
  );
  expect(await clients[1]?.sendCommand(['CLIENT', 'GETNAME'])).toBe('mine');
});

test('a store with an old list has the name of the ring that it finds in the record, and does not warn', async () => {
  const servers = (await startServers({ count: 3 })).locations;
  const store = await open(servers.slice(0, 2));
  await store.reshard(servers);
  warnings = [];
  const late = await open(servers.slice(0, 2));
  expect(late.nodes).toEqual(servers);
  const name = `keyv-dredis_${fingerprintOf(servers)}`;
  for (const location of servers) {
    await until(async () => {
      const names = await namesOn(location);
      return names.length >= 2 && names.every((each) => each === name);
    });
  }
  expect(warnings).toEqual([]);
});
