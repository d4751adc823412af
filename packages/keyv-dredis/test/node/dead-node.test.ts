import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { type DRedisError, DRedisStore, NodeUnavailableError, PartialFailureError } from '../../src/index.js';
import { errorsOf, keysOf, nextEvent, rejection } from '../support/stores.js';

/** Longer than a test may take: whatever waits for one of them instead of failing fast fails its test. */
const NEVER_IN_A_TEST_MS = 600_000;

let redis: RedisServers;
let dead: RedisServer;
let store: DRedisStore;
let errors: DRedisError[];
let deadKeys: string[];
let liveKeys: string[];

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
  dead = redis.servers[1] as RedisServer;
});

afterAll(() => redis?.stop());

beforeEach(async () => {
  await dead.start();
  store = new DRedisStore(redis.locations, {
    commandTimeoutMs: NEVER_IN_A_TEST_MS,
    connectTimeoutMs: NEVER_IN_A_TEST_MS,
  });
  errors = errorsOf(store);
  deadKeys = keysOf(store, dead.location, 2);
  liveKeys = redis.locations.flatMap((name) => (name === dead.location ? [] : keysOf(store, name, 2)));
  await store.clear();
  await store.setMany([...deadKeys, ...liveKeys].map((key) => ({ key, value: `value of ${key}` })));
});

afterEach(() => store.disconnect());

async function kill(): Promise<void> {
  const down = nextEvent(store, 'node:down');
  await dead.kill();
  await down;
}

/** The keys of the dead node and those of the others, in turn. */
const mixed = () => deadKeys.flatMap((key, index) => [key, ...liveKeys.slice(index * 2, index * 2 + 2)]);
const isLive = (key: string) => liveKeys.includes(key);

describe('a node is killed', () => {
  test('node:down names it and says why', async () => {
    const down = nextEvent(store, 'node:down');
    await dead.kill();
    const [name, error] = await down;
    expect(name).toBe(dead.location);
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: dead.location });
    expect(error.cause).toBeInstanceOf(Error);
    expect(errors).toEqual([]);
  });

  test.each<[string, (key: string) => Promise<unknown>]>([
    ['get', (key) => store.get(key)],
    ['set', (key) => store.set(key, 'v')],
    ['delete', (key) => store.delete(key)],
    ['has', (key) => store.has(key)],
  ])('%s of its keys rejects before anything else can happen', async (_name, call) => {
    await kill();
    const aTurnOfTheEventLoop = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
    const error = await Promise.race([rejection(call(deadKeys[0] as string)), aTurnOfTheEventLoop]);
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error).toMatchObject({
      name: 'NodeUnavailableError',
      code: 'DREDIS_NODE_UNAVAILABLE',
      node: dead.location,
      message: expect.stringContaining(`Node ${dead.location} is unavailable: `),
    });
    expect(errors).toEqual([]);
  });

  test('what is on its way to it at that moment rejects too', async () => {
    await dead.pause();
    const calls = [store.get(deadKeys[0] as string), store.set(deadKeys[1] as string, 'v')];
    const rejections = Promise.all(calls.map((call) => rejection(call)));
    await dead.kill();
    for (const error of await rejections) expect(error).toBeInstanceOf(NodeUnavailableError);
  });

  test('the keys of the others are served as before', async () => {
    await kill();
    for (const key of liveKeys) {
      expect(await store.get(key)).toBe(`value of ${key}`);
      expect(await store.has(key)).toBe(true);
      expect(await store.set(key, 'new')).toBe(true);
      expect(await store.delete(key)).toBe(true);
    }
    expect(errors).toEqual([]);
  });
});

describe('a call over many keys, some of a dead node: the others succeed, and one error is told', () => {
  beforeEach(kill);

  test('getMany', async () => {
    const keys = mixed();
    expect(await store.getMany(keys)).toEqual(
      keys.map((key) => (isLive(key) ? `value of ${key}` : undefined)),
    );
  });

  test('setMany, with and without expiries', async () => {
    const keys = mixed();
    const entries = keys.map((key) => ({ key, value: 'new' }));
    expect(await store.setMany(entries)).toEqual(keys.map(isLive));
    expect(errors).toHaveLength(1);
    const expires = Date.now() + 60_000;
    expect(await store.setMany(entries.map((entry) => ({ ...entry, expires })))).toEqual(keys.map(isLive));
    expect(errors).toHaveLength(2);
    expect(await store.getMany(liveKeys)).toEqual(liveKeys.map(() => 'new'));
    errors.pop();
  });

  test('deleteMany', async () => {
    const keys = mixed();
    expect(await store.deleteMany(keys)).toEqual(keys.map(isLive));
    expect(await store.getMany(liveKeys)).toEqual(liveKeys.map(() => undefined));
  });

  test('hasMany', async () => {
    const keys = mixed();
    expect(await store.hasMany(keys)).toEqual(keys.map(isLive));
  });

  test('iterator', async () => {
    const entries = new Map<string, unknown>();
    for await (const [key, value] of store.iterator()) entries.set(key, value);
    expect([...entries.keys()].sort()).toEqual([...liveKeys].sort());
    for (const key of liveKeys) expect(entries.get(key)).toBe(`value of ${key}`);
  });

  afterEach(() => {
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(NodeUnavailableError);
    expect(errors[0]?.node).toBe(dead.location);
  });
});

describe('what needs every node', () => {
  test('clear() rejects and names the one that it did not reach; the others are cleared', async () => {
    await kill();
    const error = await rejection<PartialFailureError>(store.clear());
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [dead.location] });
    expect(error.message).toContain(dead.location);
    expect(error.errors).toHaveLength(1);
    expect(error.errors[0]).toBeInstanceOf(NodeUnavailableError);
    expect(await store.getMany(liveKeys)).toEqual(liveKeys.map(() => undefined));
    expect(errors).toEqual([]);
  });

  test('connect() rejects and names the one that it did not reach; the others are connected', async () => {
    await store.disconnect();
    await dead.kill();
    store = new DRedisStore(redis.locations);
    const error = await rejection<PartialFailureError>(store.connect());
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE', nodes: [dead.location] });
    expect(error.message).toContain(dead.location);
    expect(error.errors[0]).toBeInstanceOf(NodeUnavailableError);
    const ready = redis.locations.map((name) => {
      const [key] = keysOf(store, name, 1) as [string];
      return store.locate(key).client.isReady;
    });
    expect(ready).toEqual([true, false, true]);
  });
});

describe('it recovers by itself', () => {
  test('when the server is there again: node:up, and its keys are served', async () => {
    await kill();
    const up = nextEvent(store, 'node:up');
    await dead.start();
    expect(await up).toEqual([dead.location, expect.any(NodeUnavailableError), expect.any(Number)]);
    const [key] = deadKeys as [string];
    expect(await store.get(key)).toBeUndefined();
    expect(await store.set(key, 'again')).toBe(true);
    expect(await store.get(key)).toBe('again');
    expect(errors).toEqual([]);
  });

  test('from a first connection that failed', async () => {
    await store.disconnect();
    await dead.kill();
    store = new DRedisStore(redis.locations);
    const [key] = deadKeys as [string];
    expect(await rejection(store.get(key))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await dead.start();
    await up;
    expect(await store.set(key, 'now')).toBe(true);
  });

  test('again and again: one node:down and one node:up each time', async () => {
    const events: string[] = [];
    store.on('node:down', (name) => events.push(`down ${name}`));
    store.on('node:up', (name) => events.push(`up ${name}`));
    for (let times = 0; times < 3; times++) {
      await kill();
      const up = nextEvent(store, 'node:up');
      await dead.start();
      await up;
    }
    expect(events).toEqual(
      Array.from({ length: 3 }, () => [`down ${dead.location}`, `up ${dead.location}`]).flat(),
    );
  });

  test('also when every listener throws', async () => {
    const thrown = new Error('a listener of the user’s');
    for (const event of ['error', 'node:down', 'node:up'] as const) {
      store.prependListener(event, () => {
        throw thrown;
      });
    }
    await kill();
    expect(await store.getMany(deadKeys)).toEqual([undefined, undefined]);
    expect(errors).toHaveLength(1);
    const up = nextEvent(store, 'node:up');
    await dead.start();
    await up;
    expect(await store.set(deadKeys[0] as string, 'again')).toBe(true);
  });
});
