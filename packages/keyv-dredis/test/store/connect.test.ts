import { beforeAll, describe, expect, test } from '@jest/globals';
import { ask, type RedisServers } from 'redis-launcher';
import type { DRedisStoreOptions } from '../../src/index.js';
import {
  connectClient,
  keysOf,
  MAJORS,
  makeKeyv,
  openStoreOver,
  rejection,
  runProgram,
  startServers,
} from '../support/index.js';

const COUNT = 1000;

let redis: RedisServers;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
});

const openStore = (options?: DRedisStoreOptions) => openStoreOver(redis.locations, options);

/** Counts the connections that each server has accepted, including the connection that asks for the count. */
function connectionCounts(): Promise<number[]> {
  return Promise.all(
    redis.locations.map(async (location) => {
      const stats = await ask(location, ['INFO', 'stats']);
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
    }),
  );
}

async function connectionsMadeBy(work: () => Promise<unknown>): Promise<number[]> {
  const before = await connectionCounts();
  await work();
  const after = await connectionCounts();
  // Asking for the counts uses one connection.
  return after.map((count, index) => count - (before[index] as number) - 1);
}

describe('the store opens one connection per node', () => {
  test('but not before the first operation', async () => {
    const made = await connectionsMadeBy(async () => {
      const store = openStore();
      store.withNamespace('users');
      makeKeyv(6, store);
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(made).toEqual([0, 0]);
  });

  test('to every node at the first operation, because any node may have hints', async () => {
    const store = openStore();
    const [key] = keysOf(store, redis.locations[1] as string, 1) as [string];
    expect(await connectionsMadeBy(() => store.get(key))).toEqual([1, 1]);
  });

  test('for a thousand concurrent first operations of all kinds', async () => {
    const store = openStore();
    const users = store.withNamespace('users');
    const made = await connectionsMadeBy(() =>
      Promise.all(
        Array.from({ length: COUNT }, (_, number) => [
          store.set(`key-${number}`, 'value'),
          users.get(`key-${number}`),
          ...(number % 100 === 0 ? [store.connect(), store.getMany(['a', 'b', 'c']), users.clear()] : []),
          store.locate(`key-${number}`).key,
        ]).flat(),
      ),
    );
    expect(made).toEqual([1, 1]);
  });

  test('again after a connection is lost, even if calls are made in the meantime', async () => {
    const store = openStore();
    await store.connect();
    const admin = await connectClient(redis.locations[0] as string);
    const keys = keysOf(store, redis.locations[0] as string, 100);
    const made = await connectionsMadeBy(async () => {
      let isKilled = false;
      const killed = admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']).then(() => {
        isKilled = true;
      });
      while (!isKilled) await Promise.all(keys.map((key) => store.get(key)));
      await killed;
      await store.getMany(keys);
    });
    expect(made).toEqual([1, 0]);
  });
});

describe.each(MAJORS)('a thousand %s over one store', (_title, major) => {
  test('add no listeners to the clients', async () => {
    const store = openStore();
    await store.connect();
    const clients = redis.locations.map((name) => store.locate(keysOf(store, name, 1)[0] as string).client);
    const listeners = () =>
      clients.map((client) => client.eventNames().map((event) => [event, client.listenerCount(event)]));
    const before = listeners();
    const keyvs = Array.from({ length: COUNT }, () => makeKeyv(major, store, { namespace: 'shared' }));
    for (const keyv of keyvs) keyv.on('error', () => undefined);
    await Promise.all(keyvs.map((keyv, number) => keyv.set(`key-${number}`, number)));
    const values = await Promise.all(keyvs.map((keyv, number) => keyv.get(`key-${number}`)));
    expect(values).toEqual(keyvs.map((_, number) => number));
    expect(listeners()).toEqual(before);
    await keyvs[0]?.clear();
  });
});

// In a separate process, because Jest hides Node.js's warnings.
test.each([
  ['Keyv 5', 'keyv5'],
  ['Keyv 6', 'keyv'],
])('a thousand %s over one store cause no listener leak warning', async (_title, keyv) => {
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

test('a thousand failed calls and connect() calls add no listeners to a client', async () => {
  const store = openStore();
  await store.connect();
  const { client } = store.locate('key');
  const before = client.eventNames().map((event) => [event, client.listenerCount(event)]);
  await Promise.all(Array.from({ length: COUNT }, (_, number) => rejection(store.set('key', number))));
  await Promise.all(Array.from({ length: COUNT }, () => store.connect()));
  expect(client.eventNames().map((event) => [event, client.listenerCount(event)])).toEqual(before);
});

test('repeated connect() to a dead node causes no warning', async () => {
  const program = `
    const warnings = [];
    process.on('warning', ({ name }) => warnings.push(name));
    // Nothing listens on port 1.
    const store = new DRedisStore(['127.0.0.1:1']);
    for (let count = 0; count < 20; count += 1) await store.connect().catch(() => undefined);
    await store.disconnect();
    console.log(JSON.stringify(warnings));`;
  expect(await runProgram([], program)).toEqual({ code: 0, output: '[]\nexits\n' });
});
