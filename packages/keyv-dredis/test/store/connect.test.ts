import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Keyv as Keyv6 } from 'keyv';
import { Keyv as Keyv5 } from 'keyv5';
import { createClient } from 'redis';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore, type DRedisStoreOptions } from '../../src/index.js';
import { runProgram } from '../support/program.js';
import { keysOf, nextEvent, rejection } from '../support/stores.js';

const COUNT = 1000;

let redis: RedisServers;
const stores: DRedisStore[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
});

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

afterAll(() => redis?.stop());

function makeStore(options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(redis.locations, options);
  stores.push(store);
  return store;
}

/** How many connections each server has had, those that ask included. */
function connectionCounts(): Promise<number[]> {
  return Promise.all(
    redis.servers.map(async ({ location }: RedisServer) => {
      const client = createClient({ url: `redis://${location}` });
      await client.connect();
      const stats = await client.info('stats');
      await client.close();
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
    }),
  );
}

async function connectionsMadeBy(work: () => Promise<unknown>): Promise<number[]> {
  const before = await connectionCounts();
  await work();
  const after = await connectionCounts();
  // The question itself takes one.
  return after.map((count, index) => count - (before[index] as number) - 1);
}

describe('one connection per node', () => {
  test('none before the first operation', async () => {
    const made = await connectionsMadeBy(async () => {
      const store = makeStore();
      store.withNamespace('fork');
      new Keyv6({ store });
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(made).toEqual([0, 0]);
  });

  test('and then to all, for any of them may hold hints', async () => {
    const store = makeStore();
    const [key] = keysOf(store, redis.locations[1] as string, 1) as [string];
    expect(await connectionsMadeBy(() => store.get(key))).toEqual([1, 1]);
  });

  test('for a thousand first operations of all kinds at once', async () => {
    const store = makeStore();
    const fork = store.withNamespace('fork');
    const made = await connectionsMadeBy(() =>
      Promise.all(
        Array.from({ length: COUNT }, (_, number) => [
          store.set(`key-${number}`, 'value'),
          fork.get(`key-${number}`),
          ...(number % 100 === 0 ? [store.connect(), store.getMany(['a', 'b', 'c']), fork.clear()] : []),
          store.locate(`key-${number}`).key,
        ]).flat(),
      ),
    );
    expect(made).toEqual([1, 1]);
  });

  test('once more after it was lost, whoever asks meanwhile', async () => {
    const store = makeStore();
    await store.connect();
    const admin = createClient({ url: `redis://${redis.locations[0]}` });
    await admin.connect();
    const keys = keysOf(store, redis.locations[0] as string, 100);
    const made = await connectionsMadeBy(async () => {
      const up = nextEvent(store, 'node:up');
      const down = nextEvent(store, 'node:down');
      const killed = admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
      await down;
      // At once: the answer to the killer may come later than the new connection.
      await Promise.all(keys.map((key) => rejection(store.get(key))));
      await Promise.all([killed, up]);
      await store.getMany(keys);
    });
    expect(made).toEqual([1, 0]);
    await admin.close();
  });
});

describe.each<[string, (store: DRedisStore) => Pick<Keyv6, 'on' | 'set' | 'get' | 'clear'>]>([
  ['Keyv 5', (store) => new Keyv5({ store, namespace: 'shared' }) as never],
  ['Keyv 6', (store) => new Keyv6({ store, namespace: 'shared' })],
])('a thousand %s on one store', (_name, makeKeyv) => {
  test('add no listeners to the clients', async () => {
    const store = makeStore();
    await store.connect();
    const clients = redis.locations.map((name) => store.locate(keysOf(store, name, 1)[0] as string).client);
    const listeners = () =>
      clients.map((client) => client.eventNames().map((event) => [event, client.listenerCount(event)]));
    const before = listeners();
    const keyvs = Array.from({ length: COUNT }, () => makeKeyv(store));
    for (const keyv of keyvs) keyv.on('error', () => undefined);
    await Promise.all(keyvs.map((keyv, number) => keyv.set(`key-${number}`, number)));
    const values = await Promise.all(keyvs.map((keyv, number) => keyv.get(`key-${number}`)));
    expect(values).toEqual(keyvs.map((_, number) => number));
    expect(listeners()).toEqual(before);
    await keyvs[0]?.clear();
  });
});

// In a process of its own: Jest keeps the warnings of Node.js from its tests.
test.each(['keyv5', 'keyv'])('a thousand Keyvs of %s warn of no leak', async (keyv) => {
  const program = `
    const { Keyv } = await import('${keyv}');
    const store = new DRedisStore(locations);
    const keyvs = Array.from({ length: ${COUNT} }, () => new Keyv({ store, namespace: 'shared' }));
    for (const keyv of keyvs) keyv.on('error', console.error);
    await Promise.all(keyvs.map((keyv) => keyv.get('key')));
    console.log(store.listenerCount('error'));
    await store.disconnect();`;
  expect(await runProgram(redis.locations, program)).toEqual({ code: 0, output: `${COUNT}\nexits\n` });
});

test('a thousand failures and recoveries of one call add no listeners', async () => {
  const store = makeStore();
  await store.connect();
  const { client } = store.locate('key');
  const before = client.eventNames().map((event) => [event, client.listenerCount(event)]);
  await Promise.all(Array.from({ length: COUNT }, (_, number) => rejection(store.set('key', number))));
  await Promise.all(Array.from({ length: COUNT }, () => store.connect()));
  expect(client.eventNames().map((event) => [event, client.listenerCount(event)])).toEqual(before);
});

test('however often a node is tried, nothing piles up', async () => {
  // In a process of its own, whose warnings can be seen.
  const program = `
    const warnings = [];
    process.on('warning', ({ name }) => warnings.push(name));
    // Nobody listens at the port of a server that is gone.
    const store = new DRedisStore(['127.0.0.1:1']);
    for (let count = 0; count < 20; count += 1) await store.connect().catch(() => undefined);
    await store.disconnect();
    console.log(JSON.stringify(warnings));`;
  expect(await runProgram([], program)).toEqual({ code: 0, output: '[]\nexits\n' });
});
