import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { type DRedisError, DRedisStore, NodeUnavailableError } from '../../src/index.js';
import { DEADLINE_MS, NO_DEADLINES } from '../support/deadlines.js';
import { errorsOf, keysOf, nextEvent } from '../support/stores.js';

const CALLERS_COUNT = 64;
const LATE_OR_GIVEN_UP = ['DREDIS_COMMAND_TIMEOUT', 'DREDIS_NODE_UNAVAILABLE'];

let redis: RedisServers;

beforeAll(async () => {
  redis = await startRedis({ count: 4 });
});

afterAll(() => redis?.stop());

// A rejection that nobody handles fails a test as well: Jest sees to that.

test('a server is killed and restarted while 64 callers work: every call settles, and all is well after', async () => {
  const store = new DRedisStore(redis.locations, NO_DEADLINES);
  const told = errorsOf(store);
  const victim = redis.servers[2] as RedisServer;
  const others = new Set(redis.locations.filter((name) => name !== victim.location));
  const failures: DRedisError[] = [];
  let doneCount = 0;
  let stop = false;

  const call = async (caller: number, round: number) => {
    const key = `${caller}-${round % 50}`;
    const { node } = store.locate(key);
    try {
      await store.set(key, `${caller}`);
      const value = await store.get(key);
      // The victim forgets what it had; nobody else may.
      if (others.has(node)) expect(value).toBe(`${caller}`);
      else expect([`${caller}`, undefined]).toContain(value);
      if (round % 10 === 0) await store.getMany([key, `${caller}-1`, `${caller}-2`]);
      if (round % 10 === 5) await store.setMany([{ key, value: `${caller}`, expires: Date.now() + 60_000 }]);
    } catch (error) {
      failures.push(error as DRedisError);
      // Its failures are immediate: give the event loop its turn, as a caller would that does other work.
      await new Promise((resolve) => setImmediate(resolve));
    }
    doneCount += 1;
  };
  const callers = Array.from({ length: CALLERS_COUNT }, async (_, caller) => {
    for (let round = 0; !stop; round++) await call(caller, round);
  });
  const moreCalls = async () => {
    const before = doneCount;
    while (doneCount < before + 20 * CALLERS_COUNT) await new Promise((resolve) => setImmediate(resolve));
  };

  await store.connect();
  for (let times = 0; times < 3; times++) {
    await moreCalls();
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    await down;
    await moreCalls();
    const up = nextEvent(store, 'node:up');
    await victim.start();
    await up;
  }
  await moreCalls();
  stop = true;
  await Promise.all(callers);

  expect(failures.length).toBeGreaterThan(0);
  for (const error of [...failures, ...told]) {
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error.node).toBe(victim.location);
  }
  const keys = redis.locations.flatMap((name) => keysOf(store, name, 5, 'after'));
  expect(await store.setMany(keys.map((key) => ({ key, value: key })))).toEqual(keys.map(() => true));
  expect(await store.getMany(keys)).toEqual(keys);
  await store.disconnect();
});

test('a server that freezes under load and then goes on: every call settles, and all is well after', async () => {
  const store = new DRedisStore(redis.locations, {
    commandTimeoutMs: DEADLINE_MS,
    connectTimeoutMs: DEADLINE_MS,
  });
  const victim = redis.servers[0] as RedisServer;
  const keys = redis.locations.flatMap((name) => keysOf(store, name, 16));
  await store.connect();
  const down = nextEvent(store, 'node:down');
  await victim.pause();
  const outcomes = await Promise.allSettled(keys.flatMap((key) => [store.set(key, key), store.get(key)]));
  await down;
  outcomes.forEach((outcome, index) => {
    const { node } = store.locate(keys[Math.floor(index / 2)] as string);
    expect(outcome.status).toBe(node === victim.location ? 'rejected' : 'fulfilled');
    // The first are late; then the connection is given up, and with it those that came a little later.
    if (outcome.status === 'rejected') expect(LATE_OR_GIVEN_UP).toContain(outcome.reason.code);
  });
  const up = nextEvent(store, 'node:up');
  await victim.resume();
  await up;
  expect(await store.setMany(keys.map((key) => ({ key, value: 'after' })))).toEqual(keys.map(() => true));
  expect(await store.getMany(keys)).toEqual(keys.map(() => 'after'));
  await store.disconnect();
});
