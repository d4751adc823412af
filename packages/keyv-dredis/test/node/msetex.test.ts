import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { nextEvent } from '../support/stores.js';
import { type ProxyServer, proxyTo } from '../support/stub-server.js';

// MSETEX is there from Redis 8.4 and Valkey 9.1 on, and most servers are older. So both are tested: what the
// server at hand does, and a server that has it for sure, made of the one at hand and a script.

let servers: RedisServers;
let client: ReturnType<typeof createClient>;
let proxy: ProxyServer;
let store: DRedisStore;

beforeAll(async () => {
  servers = await startRedis({ count: 1 });
  client = createClient({ url: `redis://${servers.locations[0]}` });
  await client.connect();
});

afterAll(async () => {
  await client?.close();
  await servers?.stop();
});

beforeEach(async () => {
  await client.flushAll();
  await client.configResetStat();
  proxy = await proxyTo(servers.locations[0] as string);
});

afterEach(async () => {
  await store.disconnect();
  await proxy.stop();
});

/** Keys and arguments as the command has them: MSETEX numkeys key value [key value ...] PX milliseconds. */
const MSETEX = `
  local count = tonumber(ARGV[1])
  if #ARGV ~= 2 * count + 3 or ARGV[#ARGV - 1] ~= 'PX' then return redis.error_reply('ERR syntax error') end
  for i = 2, 2 * count, 2 do redis.call('SET', ARGV[i], ARGV[i + 1], 'PX', ARGV[#ARGV]) end
  return 1`;

/** Has the real server run the script in place of the command. */
function understandMSetEx(request: Buffer): Buffer {
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

/** Connected, and with nothing counted yet. */
async function open(location: string): Promise<DRedisStore> {
  const store = new DRedisStore([location], { namespace: 'msetex' });
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

const stored = async (all: readonly { key: string; value: unknown }[]) => {
  expect(await store.getMany(all.map(({ key }) => key))).toEqual(all.map(({ value }) => value));
};

describe('a server that has it', () => {
  beforeEach(async () => {
    proxy.onRequest = understandMSetEx;
    store = await open(proxy.location);
  });

  test('gets one command for entries that expire at one time', async () => {
    const all = entries(() => Date.now() + 60_000.5);
    const expires = all[0]?.expires;
    expect(await store.setMany(all.map((entry) => ({ ...entry, expires })))).toEqual(all.map(() => true));
    expect([await callCount('eval'), await callCount('set')]).toEqual([1, all.length]);
    await stored(all);
    for (const ttl of await ttls()) {
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(60_001);
    }
  });

  test('gets a pipeline where the times differ', async () => {
    const all = entries((index) => Date.now() + 60_000 + index * 1000);
    expect(await store.setMany(all)).toEqual(all.map(() => true));
    expect([await callCount('eval'), await callCount('set')]).toEqual([0, all.length]);
    await stored(all);
  });

  test('that refuses it for another reason fails the entries, and is asked the next time', async () => {
    await client.configSet('maxmemory', '1');
    store.on('error', () => undefined);
    const up = nextEvent(store, 'node:up');
    try {
      const expires = Date.now() + 60_000;
      expect(await store.setMany(entries(() => expires))).toEqual(entries(() => 0).map(() => false));
    } finally {
      await client.configSet('maxmemory', '0');
    }
    await up;
    const expires = Date.now() + 60_000;
    expect(await store.setMany(entries(() => expires))).toEqual(entries(() => 0).map(() => true));
    expect(await callCount('eval')).toBe(2);
  });
});

test('the server at hand stores entries that expire at one time, with MSETEX if it has it', async () => {
  store = await open(servers.locations[0] as string);
  const hasIt = (await client.commandInfo(['MSETEX']))[0] !== null;
  const expires = Date.now() + 60_000;
  const all = entries(() => expires);
  for (let round = 0; round < 2; round += 1) {
    expect(await store.setMany(all)).toEqual(all.map(() => true));
    await stored(all);
    for (const ttl of await ttls()) expect(ttl).toBeGreaterThan(0);
  }
  expect([await callCount('msetex'), await callCount('set')]).toEqual(hasIt ? [2, 0] : [0, 2 * all.length]);
});

test('a server is asked once whether it has it, and not again', async () => {
  const asked: string[] = [];
  proxy.onRequest = (request) => {
    if (request.includes('MSETEX')) asked.push('MSETEX');
    return Buffer.from(request.toString('latin1').replaceAll('MSETEX', 'NOSUCH'), 'latin1');
  };
  store = await open(proxy.location);
  const expires = Date.now() + 60_000;
  for (let round = 0; round < 3; round += 1) await store.setMany(entries(() => expires));
  await stored(entries(() => expires));
  expect(asked).toEqual(['MSETEX']);
});

test('entries that have all expired are removed in one command', async () => {
  store = await open(servers.locations[0] as string);
  await store.setMany(entries(() => undefined));
  expect(await store.setMany(entries(() => Date.now() - 1))).toEqual(entries(() => 0).map(() => true));
  expect(await client.keys('msetex:*')).toEqual([]);
  expect(await callCount('unlink')).toBe(1);
});
