import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  connectClient,
  onCleanUp,
  openStoreOver,
  type ProxyServer,
  startProxy,
  startServer,
} from '../support/index.js';

// MSETEX exists in Redis since 8.4 and in Valkey since 9.1. The tests use the installed server directly, and
// also through a proxy that replaces MSETEX with a script. Through the proxy, MSETEX always exists.

let server: RedisServer;
let client: Awaited<ReturnType<typeof connectClient>>;
let proxy: ProxyServer;

beforeAll(async () => {
  server = await startServer();
  client = await connectClient(server.location);
});

beforeEach(async () => {
  await client.flushAll();
  proxy = await startProxy(server.location);
});

/** Longer than a test may take. */
const TTL_MS = 600_000;

/** Receives the arguments of MSETEX: numkeys key value [key value ...] PX milliseconds. */
const MSETEX = `
  local count = tonumber(ARGV[1])
  if #ARGV ~= 2 * count + 3 or ARGV[#ARGV - 1] ~= 'PX' then return redis.error_reply('ERR syntax error') end
  for i = 2, 2 * count, 2 do redis.call('SET', ARGV[i], ARGV[i + 1], 'PX', ARGV[#ARGV]) end
  return 1`;

/** Replaces MSETEX in a request with the script. */
function emulateMSetEx(request: Buffer): Buffer {
  const translated = request
    .toString('latin1')
    .replace(/\*(\d+)\r\n\$6\r\nMSETEX\r\n/g, (_, count) =>
      [`*${Number(count) + 2}`, '$4', 'EVAL', `$${MSETEX.length}`, MSETEX, '$1', '0', ''].join('\r\n'),
    );
  return Buffer.from(translated, 'latin1');
}

async function callCount(command: string): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

/** Opens and connects a store, and resets the server's command counts. */
async function open(location: string): Promise<DRedisStore> {
  const store = openStoreOver([location], { namespace: 'msetex' });
  await store.connect();
  await client.configResetStat();
  return store;
}

const entries = (expires: (index: number) => number | undefined) =>
  Array.from({ length: 20 }, (_, index) => ({
    key: `key-${index} é`,
    value: index % 2 ? `value ${index} é` : Buffer.from([0, 255, index]),
    expires: expires(index),
  }));
const ttls = async () => Promise.all(entries(() => undefined).map(({ key }) => client.pTTL(`msetex:${key}`)));

const expectStored = async (store: DRedisStore, all: readonly { key: string; value: unknown }[]) => {
  expect(await store.getMany(all.map(({ key }) => key))).toEqual(all.map(({ value }) => value));
};

describe('a server that has MSETEX', () => {
  let store: DRedisStore;

  beforeEach(async () => {
    proxy.onRequest = emulateMSetEx;
    store = await open(proxy.location);
  });

  test('receives one command for entries that expire at the same time', async () => {
    const all = entries(() => Date.now() + TTL_MS + 0.5);
    const expires = all[0]?.expires;
    expect(await store.setMany(all.map((entry) => ({ ...entry, expires })))).toEqual(all.map(() => true));
    expect([await callCount('eval'), await callCount('set')]).toEqual([1, all.length]);
    await expectStored(store, all);
    for (const ttl of await ttls()) {
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(TTL_MS + 1);
    }
  });

  test('receives one SET per entry if the entries expire at different times', async () => {
    const all = entries((index) => Date.now() + TTL_MS + index * 1000);
    expect(await store.setMany(all)).toEqual(all.map(() => true));
    expect([await callCount('eval'), await callCount('set')]).toEqual([0, all.length]);
    await expectStored(store, all);
  });

  test('receives MSETEX again after it refused MSETEX because it was out of memory', async () => {
    await client.configSet('maxmemory', '1');
    store.on('error', () => undefined);
    onCleanUp(() => client.configSet('maxmemory', '0'));
    const expires = Date.now() + TTL_MS;
    expect(await store.setMany(entries(() => expires))).toEqual(entries(() => 0).map(() => false));
    await client.configSet('maxmemory', '0');
    expect(await store.setMany(entries(() => expires))).toEqual(entries(() => 0).map(() => true));
    expect(await callCount('eval')).toBe(2);
  });
});

// Regression: two long values are stored with SET, which counted as a server that has MSETEX. The next setMany() then
// sent MSETEX, and its entries again with SET after the later call.
test('a server without MSETEX that stored long values keeps the order of setMany() and a later set()', async () => {
  const store = await open(server.location);
  const expires = Date.now() + TTL_MS;
  const long = 'x'.repeat(2 ** 20);
  expect(await store.setMany(['a', 'b'].map((key) => ({ key, value: long, expires })))).toEqual([true, true]);
  const first = store.setMany(entries(() => expires));
  const later = store.set('key-7 é', 'later', expires);
  await Promise.all([first, later]);
  expect(await store.get('key-7 é')).toBe('later');
});

test('the installed server receives MSETEX for entries with one expiry if it has MSETEX, else SET', async () => {
  const store = await open(server.location);
  const hasMSetEx = (await client.commandInfo(['MSETEX']))[0] !== null;
  const expires = Date.now() + TTL_MS;
  const all = entries(() => expires);
  for (let round = 0; round < 2; round += 1) {
    expect(await store.setMany(all)).toEqual(all.map(() => true));
    await expectStored(store, all);
    for (const ttl of await ttls()) expect(ttl).toBeGreaterThan(0);
  }
  expect([await callCount('msetex'), await callCount('set')]).toEqual(
    hasMSetEx ? [2, 0] : [0, 2 * all.length],
  );
});

test('a server without MSETEX receives MSETEX once, and SET from then on', async () => {
  const sent: string[] = [];
  proxy.onRequest = (request) => {
    if (request.includes('MSETEX')) sent.push('MSETEX');
    return Buffer.from(request.toString('latin1').replaceAll('MSETEX', 'NOSUCH'), 'latin1');
  };
  const store = await open(proxy.location);
  const expires = Date.now() + TTL_MS;
  for (let round = 0; round < 3; round += 1) await store.setMany(entries(() => expires));
  await expectStored(
    store,
    entries(() => expires),
  );
  expect(sent).toEqual(['MSETEX']);
});

test('setMany() of entries that have all expired removes them with one UNLINK', async () => {
  const store = await open(server.location);
  await store.setMany(entries(() => undefined));
  expect(await store.setMany(entries(() => Date.now() - 1))).toEqual(entries(() => 0).map(() => true));
  expect(await client.keys('msetex:*')).toEqual([]);
  expect(await callCount('unlink')).toBe(1);
});
