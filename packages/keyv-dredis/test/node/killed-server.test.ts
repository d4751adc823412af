import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import {
  type DRedisError,
  type DRedisStore,
  type DRedisStoreOptions,
  NodeUnavailableError,
  PartialFailureError,
} from '../../src/index.js';
import { rejectionAtOnce } from '../support/fail-fast.js';
import {
  entriesOf,
  errorsOf,
  keysOf,
  MAJORS,
  NO_DEADLINES,
  nextEvent,
  openKeyv,
  openStoreOver,
  rejection,
  startServers,
  takeErrors,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

// A killed server's connections close, and it refuses new connections. The stores have no deadlines: if a
// call waits instead of failing at once, the test fails.

let redis: RedisServers;
let victim: RedisServer;
let store: DRedisStore;
let errors: DRedisError[];
let lostKeys: string[];
let keptKeys: string[];
let lostKey: string;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  victim = redis.servers[1] as RedisServer;
});

beforeEach(async () => {
  store = open();
  errors = errorsOf(store);
  await store.clear();
  await store.setMany([...lostKeys, ...keptKeys].map((key) => ({ key, value: `value of ${key}` })));
});

function open(options: DRedisStoreOptions = {}): DRedisStore {
  const store = openStoreOver(redis.locations, { ...NO_DEADLINES, nodeDownPolicy: 'error', ...options });
  lostKeys = keysOf(store, victim.location, 2);
  [lostKey] = lostKeys as [string];
  keptKeys = redis.locations.flatMap((name) => (name === victim.location ? [] : keysOf(store, name, 2)));
  return store;
}

/** Kills the server, and waits until the store has noticed the outage. */
async function kill(): Promise<void> {
  const down = nextEvent(store, 'node:down');
  await victim.kill();
  await down;
}

/** Starts the server, and waits until the store uses it again. */
async function restart(): Promise<void> {
  const up = nextEvent(store, 'node:up');
  await victim.start();
  await up;
}

/** The killed server's keys, mixed with the other servers' keys. */
const mixedKeys = () => lostKeys.flatMap((key, index) => [key, ...keptKeys.slice(index * 2, index * 2 + 2)]);
const isKept = (key: string) => keptKeys.includes(key);

describe('a server that is killed', () => {
  test("emits 'node:down' with the reason, and status() shows it", async () => {
    expect(store.status().nodes).toMatchObject(redis.locations.map((name) => ({ name, state: 'up' })));
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    const [name, error, upMs] = await down;
    expect(name).toBe(victim.location);
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: victim.location });
    expect(error.cause).toHaveProperty('message', expect.any(String));
    expect(upMs).toEqual(expect.any(Number));
    expect(store.status().nodes).toMatchObject([
      { state: 'up', reason: undefined },
      { name: victim.location, state: 'down', reason: expect.any(NodeUnavailableError) },
      { state: 'up', reason: undefined },
    ]);
    expect(errors).toEqual([]);
  });

  test.each<[string, (key: string) => Promise<unknown>]>([
    ['get', (key) => store.get(key)],
    ['set', (key) => store.set(key, 'value')],
    ['delete', (key) => store.delete(key)],
    ['has', (key) => store.has(key)],
  ])('makes %s() reject for its keys before the event loop turns', async (_name, call) => {
    await kill();
    const error = await rejectionAtOnce(call(lostKey));
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error).toMatchObject({
      name: 'NodeUnavailableError',
      code: 'DREDIS_NODE_UNAVAILABLE',
      node: victim.location,
      message: expect.stringContaining(`Node ${victim.location} is unavailable: `),
    });
    expect(errors).toEqual([]);
  });

  test('makes set() reject within ten microtasks for its keys', async () => {
    await kill();
    let microtaskCount = 0;
    const settled = rejection(store.set(lostKey, 'value')).then(() => microtaskCount);
    for (; microtaskCount < 20; microtaskCount += 1) await Promise.resolve();
    expect(await settled).toBeLessThan(10);
  });

  test('makes the commands in flight reject', async () => {
    await victim.pause();
    const calls = [store.get(lostKey), store.set(lostKeys[1] as string, 'value')];
    const rejections = Promise.all(calls.map((call) => rejection(call)));
    await victim.kill();
    for (const error of await rejections) expect(error).toBeInstanceOf(NodeUnavailableError);
  });

  test("does not affect the other servers' keys", async () => {
    await kill();
    for (const key of keptKeys) {
      expect(await store.get(key)).toBe(`value of ${key}`);
      expect(await store.has(key)).toBe(true);
      expect(await store.set(key, 'new')).toBe(true);
      expect(await store.delete(key)).toBe(true);
    }
    expect(errors).toEqual([]);
  });

  test("before the first connection causes one 'node:down', and running servers cause none", async () => {
    await victim.kill();
    store = open();
    const states = recordStates(store);
    expect(store.status().nodes[1]).toMatchObject({ state: 'up', reason: undefined });
    const failed = await Promise.all([rejection(store.get(lostKey)), rejection(store.set(lostKey, 'value'))]);
    for (const error of failed) expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(await store.get(keptKeys[0] as string)).toBe(`value of ${keptKeys[0]}`);
    expect(states).toEqual([['node:down', victim.location]]);
  });
});

describe('a multi-key call with some keys on a killed server:', () => {
  beforeEach(kill);

  function expectOneError(): void {
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(NodeUnavailableError);
    expect(errors[0]?.node).toBe(victim.location);
  }

  test("getMany() returns the other servers' values and emits one error", async () => {
    const keys = mixedKeys();
    expect(await store.getMany(keys)).toEqual(
      keys.map((key) => (isKept(key) ? `value of ${key}` : undefined)),
    );
    expectOneError();
    expect(await store.getMany(lostKeys)).toEqual([undefined, undefined]);
    expect(errors).toHaveLength(2);
  });

  test.each([
    ['without expiries', {}],
    ['with expiries', { expires: Date.now() + 600_000 }],
  ])("setMany() %s stores the other servers' entries and emits one error", async (_title, expiry) => {
    const keys = mixedKeys();
    const entries = keys.map((key) => ({ key, value: 'new', ...expiry }));
    expect(await store.setMany(entries)).toEqual(keys.map(isKept));
    expectOneError();
    expect(await store.getMany(keptKeys)).toEqual(keptKeys.map(() => 'new'));
  });

  test("deleteMany() removes the other servers' keys and emits one error", async () => {
    const keys = mixedKeys();
    expect(await store.deleteMany(keys)).toEqual(keys.map(isKept));
    expectOneError();
    expect(await store.getMany(keptKeys)).toEqual(keptKeys.map(() => undefined));
  });

  test("hasMany() finds the other servers' keys and emits one error", async () => {
    const keys = mixedKeys();
    expect(await store.hasMany(keys)).toEqual(keys.map(isKept));
    expectOneError();
  });

  test("iterator() yields the other servers' entries and emits one error", async () => {
    expect(await entriesOf(store)).toEqual(keptKeys.toSorted().map((key) => [key, `value of ${key}`]));
    expectOneError();
  });
});

describe('a call that needs every server while one is killed:', () => {
  test('clear() clears the other servers, and rejects naming the killed server', async () => {
    await kill();
    const error = await rejection<PartialFailureError>(store.clear());
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [victim.location] });
    expect(error.message).toContain(victim.location);
    expect(error.errors).toHaveLength(1);
    expect(error.errors[0]).toBeInstanceOf(NodeUnavailableError);
    expect(await store.getMany(keptKeys)).toEqual(keptKeys.map(() => undefined));
    expect(errors).toEqual([]);
  });

  test('connect() connects to the other servers, and rejects naming the killed server', async () => {
    await victim.kill();
    store = open();
    const error = await rejection<PartialFailureError>(store.connect());
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE', nodes: [victim.location] });
    expect(error.message).toContain(victim.location);
    expect(error.errors[0]).toBeInstanceOf(NodeUnavailableError);
    const ready = redis.locations.map((name) => {
      const [key] = keysOf(store, name, 1) as [string];
      return store.locate(key).client.isReady;
    });
    expect(ready).toEqual([true, false, true]);
  });
});

describe('a killed server that is restarted', () => {
  test("emits 'node:returning' and 'node:up' with the reason and the length of the outage", async () => {
    const states = recordStates(store);
    await kill();
    const up = nextEvent(store, 'node:up');
    await victim.start();
    const [name, reason, outageMs] = await up;
    expect(name).toBe(victim.location);
    expect(reason).toBeInstanceOf(NodeUnavailableError);
    expect(outageMs).toBeGreaterThan(0);
    expect(states).toEqual(
      ['node:down', 'node:returning', 'node:up'].map((event) => [event, victim.location]),
    );
    expect(errors).toEqual([]);
  });

  test('serves its keys again', async () => {
    await kill();
    await restart();
    expect(await store.get(lostKey)).toBeUndefined();
    expect(await store.set(lostKey, 'again')).toBe(true);
    expect(await store.get(lostKey)).toBe('again');
    expect(errors).toEqual([]);
  });

  test('is used again after the first connection to it failed', async () => {
    await victim.kill();
    store = open();
    expect(await rejection(store.get(lostKey))).toBeInstanceOf(NodeUnavailableError);
    await restart();
    expect(await store.set(lostKey, 'now')).toBe(true);
  });

  test('is up when connect() resolves, which does not wait for the next retry', async () => {
    await kill();
    await victim.start();
    await store.connect();
    expect(store.status().nodes[1]?.state).toBe('up');
    expect(await store.set(lostKey, 'value')).toBe(true);
  });

  test("emits one 'node:down' and one 'node:up' for each of several outages", async () => {
    const events: string[] = [];
    store.on('node:down', (name) => events.push(`down ${name}`));
    store.on('node:up', (name) => events.push(`up ${name}`));
    for (let times = 0; times < 3; times++) {
      await kill();
      await restart();
    }
    expect(events).toEqual(
      Array(3)
        .fill([`down ${victim.location}`, `up ${victim.location}`])
        .flat(),
    );
  });

  test('is used again even if every listener throws', async () => {
    for (const event of ['error', 'node:down', 'node:up'] as const) {
      store.prependListener(event, () => {
        throw new Error('thrown by a listener');
      });
    }
    await kill();
    expect(await store.getMany(lostKeys)).toEqual([undefined, undefined]);
    expect(errors).toHaveLength(1);
    await restart();
    expect(await store.set(lostKey, 'again')).toBe(true);
  });
});

describe.each(MAJORS)("with nodeDownPolicy: 'miss' under %s,", (_title, major) => {
  test('reads from a killed server are misses, writes return false, and no call emits an error', async () => {
    store = openStoreOver(redis.locations, { ...NO_DEADLINES, nodeDownPolicy: 'miss', namespace: 'miss' });
    const states = recordStates(store);
    const [lost] = keysOf(store, victim.location, 1) as [string];
    const [kept] = keysOf(store, redis.locations[0] as string, 1) as [string];
    const keyv = openKeyv(major, { namespace: 'miss' }, store);
    await keyv.set(lost, 'old');
    await keyv.set(kept, 'value');
    await kill();
    expect(await keyv.get(lost)).toBeUndefined();
    expect(await keyv.has(lost)).toBe(false);
    expect(await keyv.getMany([lost, kept])).toEqual([undefined, 'value']);
    expect(await keyv.hasMany([lost, kept])).toEqual([false, true]);
    expect(await keyv.set(lost, 'new')).toBe(false);
    expect(await keyv.delete(lost)).toBe(false);
    const entries = [
      { key: lost, value: 'new' },
      { key: kept, value: 'newer' },
    ];
    expect(await keyv.setMany(entries)).toEqual([false, true]);
    expect(await keyv.get(kept)).toBe('newer');
    expect(await entriesOf(keyv)).toHaveLength(1);
    expect(takeErrors()).toEqual([]);
    expect(states).toEqual([['node:down', victim.location]]);
    expect(await rejection(store.clear())).toMatchObject({ nodes: [victim.location] });
  });
});

describe('a server that is killed and restarted while 64 callers use the store', () => {
  const CALLER_COUNT = 64;
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

  // Jest fails the test for an unhandled rejection, too.
  test('makes only calls for its own keys fail, and every call settles', async () => {
    const others = new Set(redis.locations.filter((name) => name !== victim.location));
    const failures: DRedisError[] = [];
    let callCount = 0;
    let hasEnded = false;

    const call = async (caller: number, round: number) => {
      const key = `${caller}-${round % 50}`;
      const { node } = store.locate(key);
      try {
        await store.set(key, `${caller}`);
        const value = await store.get(key);
        // Only the victim loses its data.
        if (others.has(node)) expect(value).toBe(`${caller}`);
        else expect([`${caller}`, undefined]).toContain(value);
        if (round % 10 === 0) await store.getMany([key, `${caller}-1`, `${caller}-2`]);
        if (round % 10 === 5)
          await store.setMany([{ key, value: `${caller}`, expires: Date.now() + 600_000 }]);
      } catch (error) {
        failures.push(error as DRedisError);
        // Calls to a node that is down fail at once, so this loop has to yield to the event loop explicitly.
        await nextTurn();
      }
      callCount += 1;
    };
    const callers = Array.from({ length: CALLER_COUNT }, async (_, caller) => {
      for (let round = 0; !hasEnded; round++) await call(caller, round);
    });
    const moreCalls = async () => {
      const before = callCount;
      while (callCount < before + 20 * CALLER_COUNT) await nextTurn();
    };

    for (let times = 0; times < 3; times++) {
      await moreCalls();
      await kill();
      await moreCalls();
      await restart();
    }
    await moreCalls();
    hasEnded = true;
    await Promise.all(callers);

    expect(failures.length).toBeGreaterThan(0);
    for (const error of [...failures, ...errors]) {
      expect(error).toBeInstanceOf(NodeUnavailableError);
      expect(error.node).toBe(victim.location);
    }
    const keys = redis.locations.flatMap((name) => keysOf(store, name, 5, 'after'));
    expect(await store.setMany(keys.map((key) => ({ key, value: key })))).toEqual(keys.map(() => true));
    expect(await store.getMany(keys)).toEqual(keys);
  });
});
