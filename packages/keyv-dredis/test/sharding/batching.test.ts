import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  type AnyKeyv,
  connectClient,
  entriesOf,
  MAJORS,
  openKeyv,
  openStoreOver,
  startServers,
} from '../support/index.js';

// The tests read the servers' command counts, so this file uses its own servers.

const SERVER_COUNT = 3;
/** Enough keys that every server owns some of them. */
const KEYS = Array.from({ length: 60 }, (_, number) => `key-${number}`);

let servers: RedisServers;
let clients: Awaited<ReturnType<typeof connectClient>>[];

beforeAll(async () => {
  servers = await startServers({ count: SERVER_COUNT });
  clients = await Promise.all(servers.locations.map((location) => connectClient(location)));
});

beforeEach(async () => {
  for (const client of clients) await client.flushDb();
  await resetCounts();
});

const openStore = (options?: DRedisStoreOptions) =>
  openStoreOver(servers.locations, { namespace: 'app', ...options });

/** How often each server received each command since resetCounts(). */
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

const mGetCounts = async () => (await counts()).map(({ mget = 0 }) => mget);

const onEach = (commands: Record<string, number>) => Array.from({ length: SERVER_COUNT }, () => commands);

const sum = (all: readonly Record<string, number>[], command: string) =>
  all.reduce((total, each) => total + (each[command] ?? 0), 0);

describe.each(MAJORS)('commands sent under %s', (_title, major) => {
  let store: DRedisStore;
  let keyv: AnyKeyv;

  beforeEach(async () => {
    store = openStore();
    keyv = openKeyv(major, { namespace: 'app' }, store);
    // Do not count the commands of a new connection.
    await store.connect();
    await resetCounts();
  });

  test('getMany() sends one MGET to each server', async () => {
    await keyv.getMany(KEYS);
    expect(await counts()).toEqual(onEach({ mget: 1 }));
    await keyv.getMany([...KEYS, ...KEYS]);
    expect(await counts()).toEqual(onEach({ mget: 2 }));
  });

  test('get() calls in one tick share one MGET per server, except for the first 16', async () => {
    await Promise.all(KEYS.map((key) => keyv.get(key)));
    const all = await counts();
    expect(all.map(({ mget }) => mget)).toEqual([1, 1, 1]);
    expect(sum(all, 'get')).toBe(16);
  });

  test('setMany() without expiries sends one MSET to each server', async () => {
    expect(await keyv.setMany(KEYS.map((key) => ({ key, value: key })))).toEqual(KEYS.map(() => true));
    expect(await counts()).toEqual(onEach({ mset: 1 }));
    // Both major versions of Keyv treat 0 as no ttl.
    await keyv.setMany([...KEYS, ...KEYS].map((key) => ({ key, value: key, ttl: 0 })));
    expect(await counts()).toEqual(onEach({ mset: 2 }));
  });

  test('setMany() with one expiring entry sends SETs to its owner, and an MSET to each other server', async () => {
    const keys = KEYS.filter((key) => store.locate(key).node === store.nodes[0]);
    const [brief] = keys;
    await keyv.setMany(
      KEYS.map((key) => (key === brief ? { key, value: 1, ttl: 60_000 } : { key, value: 1 })),
    );
    expect(await counts()).toEqual([{ set: keys.length }, { mset: 1 }, { mset: 1 }]);
  });

  test("setMany() and getMany() for one server's keys send nothing to the other servers", async () => {
    const keys = KEYS.filter((key) => store.locate(key).node === store.nodes[1]);
    await keyv.setMany(keys.map((key) => ({ key, value: 1 })));
    await keyv.getMany(keys);
    expect(await counts()).toEqual([{}, { mset: 1, mget: 1 }, {}]);
  });

  test('calls without keys send nothing', async () => {
    await Promise.all([keyv.getMany([]), keyv.setMany([]), keyv.hasMany([]), keyv.deleteMany([])]);
    expect(await counts()).toEqual(onEach({}));
  });

  test('set(), get() and delete() send one command each, to one server', async () => {
    await keyv.set('key', 'value');
    expect(sum(await counts(), 'set')).toBe(1);
    await keyv.get('key');
    await keyv.delete('key');
    const all = await counts();
    expect([sum(all, 'set'), sum(all, 'get'), sum(all, 'unlink')]).toEqual([1, 1, 1]);
    expect(all.filter((each) => Object.keys(each).length > 0)).toHaveLength(1);
  });

  test('clear() sends SCAN and UNLINK once per page to each server', async () => {
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    await resetCounts();
    await keyv.clear();
    expect(await counts()).toEqual(onEach({ scan: 1, unlink: 1 }));
  });

  test('iterator() sends SCAN and MGET once per page to each server', async () => {
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    await resetCounts();
    expect(await entriesOf(keyv)).toHaveLength(KEYS.length);
    expect(await counts()).toEqual(onEach({ scan: 1, mget: 1 }));
  });
});

test('without Keyv, get() calls in one tick share one MGET per server, and return their values', async () => {
  const store = openStore();
  await store.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
  const keys = [...KEYS, 'nothing', 'key-0'];
  const values = await Promise.all(keys.map((key) => store.get(key)));
  expect(values).toEqual([...KEYS.map((key) => `value of ${key}`), undefined, 'value of key-0']);
  expect(await mGetCounts()).toEqual([1, 1, 1]);
});

test('with maxBatchSize: 1, each get() sends a separate command', async () => {
  const store = openStore({ maxBatchSize: 1 });
  await store.connect();
  await resetCounts();
  await Promise.all(KEYS.map((key) => store.get(key)));
  expect(sum(await counts(), 'get')).toBe(KEYS.length);
});

describe("a node's values are read as text until a value is not text,", () => {
  const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x80]);
  const text = 'text \ufffd as such';

  test('and as bytes from then on, so only one MGET is sent again', async () => {
    const store = openStore();
    await store.setMany(KEYS.map((key) => ({ key, value: 'text' })));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => 'text'));
    expect(await mGetCounts()).toEqual([1, 1, 1]);

    // Written by another store, because a store that has written bytes reads bytes.
    await openStore().setMany(KEYS.map((key) => ({ key, value: bytes })));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => bytes));
    expect(await mGetCounts()).toEqual([3, 3, 3]);
    expect(await Promise.all(KEYS.map((key) => store.get(key)))).toEqual(KEYS.map(() => bytes));
    expect(await mGetCounts()).toEqual([4, 4, 4]);
  });

  test.each(['set', 'setMany', 'setMany with an expiry'])(
    'and no MGET is sent again if the store wrote the bytes itself, with %s',
    async (how) => {
      const store = openStore();
      const expires = how.endsWith('expiry') ? Date.now() + 60_000 : undefined;
      if (how === 'set') await Promise.all(KEYS.map((key) => store.set(key, bytes)));
      else await store.setMany(KEYS.map((key) => ({ key, value: bytes, expires })));
      expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => bytes));
      expect(await mGetCounts()).toEqual([1, 1, 1]);
    },
  );

  test('and text that contains a replacement character is returned unchanged', async () => {
    const store = openStore();
    await store.set('text', text);
    expect(await store.get('text')).toBe(text);
    expect(await store.get('text')).toBe(text);
  });

  test('and iterator() yields bytes and text', async () => {
    const store = openStore();
    await store.setMany([
      { key: 'bytes', value: bytes },
      { key: 'text', value: text },
    ]);
    expect(await entriesOf(store)).toEqual([
      ['bytes', bytes],
      ['text', text],
    ]);
  });
});
