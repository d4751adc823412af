import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, entriesOf, MAJORS, makeKeyv } from '../support/keyvs.js';

// What a call costs is what the servers count, so these are servers of our own. Each has keys.

const SERVER_COUNT = 3;
const KEYS = Array.from({ length: 60 }, (_, number) => `key-${number}`);

let servers: RedisServers;
let clients: Awaited<ReturnType<typeof connected>>[];
let store: DRedisStore;
let keyv: AnyKeyv;
let errors: unknown[];

const connected = (location: string) => createClient({ url: `redis://${location}` }).connect();

beforeAll(async () => {
  servers = await startRedis({ count: SERVER_COUNT });
  clients = await Promise.all(servers.locations.map(connected));
});

afterAll(async () => {
  await Promise.all((clients ?? []).map((client) => client.close()));
  await servers?.stop();
});

afterEach(async () => {
  await store.disconnect();
  for (const client of clients) await client.flushDb();
  expect(errors).toEqual([]);
});

/** How often each server was asked each command since the last call of resetCounts(). */
async function counts(): Promise<Record<string, number>[]> {
  return Promise.all(
    clients.map(async (client) => {
      const stats = await client.info('commandstats');
      const calls = Array.from(stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g), ([, name, count]) => [
        name,
        Number(count),
      ]);
      const { info, 'config|resetstat': reset, ...others } = Object.fromEntries(calls);
      return others;
    }),
  );
}

const resetCounts = () => Promise.all(clients.map((client) => client.configResetStat()));

const onEach = (commands: Record<string, number>) => Array.from({ length: SERVER_COUNT }, () => commands);

const sum = (all: readonly Record<string, number>[], command: string) =>
  all.reduce((total, each) => total + (each[command] ?? 0), 0);

describe.each(MAJORS)('under %s', (_title, major) => {
  beforeEach(async () => {
    store = new DRedisStore(servers.locations, { namespace: 'counts' });
    keyv = makeKeyv(major, store, { namespace: 'counts' });
    errors = [];
    keyv.on('error', (error) => errors.push(error));
    // Connected, so that no greeting is counted.
    await store.connect();
    await resetCounts();
  });

  test('getMany is one MGET for each server', async () => {
    await keyv.getMany(KEYS);
    expect(await counts()).toEqual(onEach({ mget: 1 }));
    await keyv.getMany([...KEYS, ...KEYS]);
    expect(await counts()).toEqual(onEach({ mget: 2 }));
  });

  test('setMany without expiries is one MSET for each server', async () => {
    expect(await keyv.setMany(KEYS.map((key) => ({ key, value: key })))).toEqual(KEYS.map(() => true));
    expect(await counts()).toEqual(onEach({ mset: 1 }));
    // Neither Keyv takes 0 for a ttl.
    await keyv.setMany([...KEYS, ...KEYS].map((key) => ({ key, value: key, ttl: 0 })));
    expect(await counts()).toEqual(onEach({ mset: 2 }));
  });

  test('setMany in which one entry expires is one SET for each entry of its server', async () => {
    const keys = KEYS.filter((key) => store.locate(key).node === store.nodes[0]);
    const [brief] = keys;
    await keyv.setMany(
      KEYS.map((key) => (key === brief ? { key, value: 1, ttl: 60_000 } : { key, value: 1 })),
    );
    expect(await counts()).toEqual([{ set: keys.length }, { mset: 1 }, { mset: 1 }]);
  });

  test('a call for keys of one server asks no other', async () => {
    const keys = KEYS.filter((key) => store.locate(key).node === store.nodes[1]);
    await keyv.setMany(keys.map((key) => ({ key, value: 1 })));
    await keyv.getMany(keys);
    expect(await counts()).toEqual([{}, { mset: 1, mget: 1 }, {}]);
  });

  test('calls over no keys ask nobody', async () => {
    await Promise.all([keyv.getMany([]), keyv.setMany([]), keyv.hasMany([]), keyv.deleteMany([])]);
    expect(await counts()).toEqual(onEach({}));
  });

  test('calls for one key ask once', async () => {
    await keyv.set('key', 'value');
    expect(sum(await counts(), 'set')).toBe(1);
    await keyv.get('key');
    await keyv.delete('key');
    const all = await counts();
    expect([sum(all, 'set'), sum(all, 'mget'), sum(all, 'unlink')]).toEqual([1, 1, 1]);
    expect(all.filter((each) => Object.keys(each).length > 0)).toHaveLength(1);
  });

  test('clear asks each server for the keys of the namespace alone, and removes page by page', async () => {
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    await resetCounts();
    await keyv.clear();
    expect(await counts()).toEqual(onEach({ scan: 1, unlink: 1 }));
  });

  test('iterator asks each server for a page of keys, and at once for all their values', async () => {
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    await resetCounts();
    expect(await entriesOf(keyv)).toHaveLength(KEYS.length);
    expect(await counts()).toEqual(onEach({ scan: 1, mget: 1 }));
  });
});
