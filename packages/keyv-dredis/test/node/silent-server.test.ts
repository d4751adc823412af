import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import {
  CommandTimeoutError,
  type DRedisStore,
  type DRedisStoreOptions,
  NodeUnavailableError,
} from '../../src/index.js';
import { rejectionAtOnce } from '../support/fail-fast.js';
import {
  DEADLINE_MS,
  entriesOf,
  errorsOf,
  keysOf,
  NEVER_IN_A_TEST_MS,
  nextEvent,
  openStoreOver,
  rejection,
  startBlackHole,
  startProxy,
  startServers,
  startStub,
  timeOut,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

// A silent server keeps its connections open but does not answer.

/** A deadline for silent servers. It can be short because no live server has to meet it. */
const SHORT_MS = 150;

let redis: RedisServers;
let live: RedisServer;
let victim: RedisServer;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  [live, victim] = redis.servers as [RedisServer, RedisServer];
});

const open = (locations: readonly string[], options: DRedisStoreOptions = {}) =>
  openStoreOver(locations, {
    connectTimeoutMs: DEADLINE_MS,
    commandTimeoutMs: DEADLINE_MS,
    disconnectTimeoutMs: SHORT_MS,
    ...options,
  });

/** Calls every method with keys that the silent node and the live node own. */
async function expectEveryOperationToFail(store: DRedisStore, silent: string): Promise<void> {
  const [key, another] = keysOf(store, silent, 2) as [string, string];
  const [good] = keysOf(store, live.location, 1) as [string];
  const errors = errorsOf(store);
  const expires = Date.now() + 600_000;
  const rejections = await Promise.all([
    rejection(store.get(key)),
    rejection(store.set(key, 'v')),
    rejection(store.set(key, 'v', expires)),
    rejection(store.delete(key)),
    rejection(store.has(key)),
    rejection(store.clear()),
  ]);
  for (const error of rejections) {
    expect(['DREDIS_COMMAND_TIMEOUT', 'DREDIS_NODE_UNAVAILABLE', 'DREDIS_CLEAR_INCOMPLETE']).toContain(
      error.code,
    );
  }
  expect(
    await Promise.all([
      store.setMany([key, good, another].map((each) => ({ key: each, value: 'v' }))),
      store.getMany([key, 'none', another]),
      store.hasMany([key, another]),
      store.deleteMany([key, another]),
      entriesOf(store).then(() => 'ended'),
    ]),
  ).toEqual([
    [false, true, false],
    [undefined, undefined, undefined],
    [false, false],
    [false, false],
    'ended',
  ]);
  // One error for each of these five calls, and all errors are about the silent node.
  expect(errors).toHaveLength(5);
  for (const { node } of errors) expect(node).toBe(silent);
}

async function expectToFailFast(store: DRedisStore, node: string): Promise<void> {
  const [key] = keysOf(store, node, 1) as [string];
  expect(await rejectionAtOnce(store.get(key))).toBeInstanceOf(NodeUnavailableError);
}

describe('a server that accepts connections and never answers', () => {
  test('makes every operation fail, and later operations fail at once', async () => {
    const { location } = await startBlackHole();
    const store = open([live.location, location]);
    await expectEveryOperationToFail(store, location);
    await expectToFailFast(store, location);
  });

  test("is named in connect()'s error", async () => {
    const { location } = await startBlackHole();
    const store = open([live.location, location]);
    expect(await rejection(store.connect())).toMatchObject({
      code: 'DREDIS_CONNECT_INCOMPLETE',
      nodes: [location],
      message:
        `Not every node could be reached: Node ${location} is unavailable: ` +
        `no greeting within ${DEADLINE_MS} ms (connectTimeoutMs)`,
    });
  });

  test('makes a call time out after commandTimeoutMs even if connectTimeoutMs is longer', async () => {
    const { location } = await startBlackHole();
    const options = { connectTimeoutMs: NEVER_IN_A_TEST_MS, commandTimeoutMs: SHORT_MS };
    const error = await rejection(open([location], options).get('key'));
    expect(error).toBeInstanceOf(CommandTimeoutError);
    expect(error.message).toBe(`Node ${location} did not answer within ${SHORT_MS} ms (commandTimeoutMs)`);
  });

  test('is retried with one connection at a time', async () => {
    const openSockets = new Set<unknown>();
    let maxOpenCount = 0;
    const silent = await startStub((socket) => {
      openSockets.add(socket);
      maxOpenCount = Math.max(maxOpenCount, openSockets.size);
      // Listens for 'end', too: 'close' is emitted some turns later, possibly after the next connection.
      const remove = () => openSockets.delete(socket);
      socket.resume().on('end', remove).on('close', remove);
    });
    const store = open([silent.location], { connectTimeoutMs: 30, commandTimeoutMs: SHORT_MS });
    await Promise.all([rejection(store.get('a')), rejection(store.get('b')), rejection(store.connect())]);
    for (let times = 0; times < 3; times++) await silent.nextConnection();
    expect(maxOpenCount).toBe(1);
  });
});

describe('a server that stops answering after the greeting', () => {
  test('makes every operation fail, later operations at once, and works again once it answers', async () => {
    const proxy = await startProxy(victim.location);
    const store = open([live.location, proxy.location]);
    await store.connect();
    const down = nextEvent(store, 'node:down');
    proxy.onReply = () => undefined;
    await expectEveryOperationToFail(store, proxy.location);
    const [name, error] = await down;
    expect(name).toBe(proxy.location);
    expect(error).toBeInstanceOf(CommandTimeoutError);
    await expectToFailFast(store, proxy.location);

    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    const [key] = keysOf(store, proxy.location, 1) as [string];
    expect(await store.set(key, 'again')).toBe(true);
    expect(await store.get(key)).toBe('again');
  });

  test('is retried after connectTimeoutMs if it does not even answer the first greeting', async () => {
    const proxy = await startProxy(victim.location);
    proxy.onReply = () => undefined;
    const store = open([proxy.location], { connectTimeoutMs: SHORT_MS });
    expect(await rejection(store.connect())).toMatchObject({ nodes: [proxy.location] });
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    expect(await store.set('key', 'value')).toBe(true);
  });

  test('stays up if it answered another call during the timeout of one call', async () => {
    const proxy = await startProxy(victim.location);
    const store = open([proxy.location]);
    await store.connect();
    const states = recordStates(store);
    const heldReplies: (() => void)[] = [];
    let replyIsHeld: () => void;
    proxy.onReply = (reply, client) => {
      heldReplies.push(() => client.write(reply));
      replyIsHeld();
    };
    const nextHeldReply = () => new Promise<void>((resolve) => (replyIsHeld = resolve));

    const first = store.get('first');
    await nextHeldReply();
    const second = rejection(store.get('second'));
    await nextHeldReply();
    heldReplies[0]?.();
    expect(await first).toBeUndefined();
    expect(await second).toBeInstanceOf(CommandTimeoutError);
    heldReplies[1]?.();
    proxy.onReply = undefined;
    expect(await store.get('third')).toBeUndefined();
    expect(proxy.connectionCount).toBe(1);
    expect(states.map(([event]) => event)).not.toContain('node:down');
  });
});

describe('a server that is stopped with SIGSTOP', () => {
  let store: DRedisStore;
  let lostKey: string;

  beforeEach(async () => {
    store = open(redis.locations);
    [lostKey] = keysOf(store, victim.location, 1) as [string];
    await store.connect();
  });

  test('makes every operation fail, later operations at once, and works again after SIGCONT', async () => {
    await store.set(lostKey, 'before');
    const down = nextEvent(store, 'node:down');
    await victim.pause();
    await expectEveryOperationToFail(store, victim.location);
    await down;
    await expectToFailFast(store, victim.location);
    const up = nextEvent(store, 'node:up');
    await victim.resume();
    await up;
    expect(await store.set(lostKey, 'after')).toBe(true);
    expect(await store.get(lostKey)).toBe('after');
  });

  test('is suspect after the first timeout, and down after three in a row', async () => {
    const states = recordStates(store);
    await victim.pause();
    expect(await rejection(store.has(lostKey))).toBeInstanceOf(CommandTimeoutError);
    expect(store.status().nodes[1]).toMatchObject({
      state: 'suspect',
      reason: expect.any(CommandTimeoutError),
    });
    await timeOut(store, lostKey);
    expect(store.status().nodes[1]?.state).toBe('down');
    expect(states).toEqual(['node:suspect', 'node:down'].map((event) => [event, victim.location]));
    expect((await rejection(store.has(lostKey))).message).toMatch(
      // The first retry may have failed by now.
      /^Node \S+ is unavailable: (it did not answer within 2000 ms \(comm|no greeting within 2000 ms \(conn)/,
    );
    const up = nextEvent(store, 'node:up');
    await victim.resume();
    await up;
    expect(states.slice(2)).toEqual(['node:returning', 'node:up'].map((event) => [event, victim.location]));
  });

  test('is suspect after each single timeout until it answers', async () => {
    const states = recordStates(store);
    for (let times = 0; times < 3; times += 1) {
      await victim.pause();
      expect(await rejection(store.has(lostKey))).toBeInstanceOf(CommandTimeoutError);
      await victim.resume();
      await store.has(lostKey);
    }
    const once = ['node:suspect', 'node:up'].map((event) => [event, victim.location]);
    expect(states).toEqual([...once, ...once, ...once]);
  });

  test('does not receive a command that timed out before it could be sent', async () => {
    const store = open([victim.location], { connectTimeoutMs: NEVER_IN_A_TEST_MS });
    await victim.pause();
    expect(await rejection(store.set('timed out', 'too late'))).toBeInstanceOf(CommandTimeoutError);
    await victim.resume();
    await store.connect();
    // The store's client sends this command after all of the store's commands, and without a deadline.
    const { client, key } = store.locate('timed out');
    expect(await client.get(key)).toBeNull();
  });

  test('makes only calls for its own keys fail under load, and works again after SIGCONT', async () => {
    const keys = redis.locations.flatMap((name) => keysOf(store, name, 32));
    const down = nextEvent(store, 'node:down');
    await victim.pause();
    const outcomes = await Promise.allSettled(keys.flatMap((key) => [store.set(key, key), store.get(key)]));
    await down;
    outcomes.forEach((outcome, index) => {
      const { node } = store.locate(keys[Math.floor(index / 2)] as string);
      expect(outcome.status).toBe(node === victim.location ? 'rejected' : 'fulfilled');
      // The first calls time out. Then the connection is dropped, and the calls still in flight fail with it.
      if (outcome.status === 'rejected') {
        expect(['DREDIS_COMMAND_TIMEOUT', 'DREDIS_NODE_UNAVAILABLE']).toContain(outcome.reason.code);
      }
    });
    const up = nextEvent(store, 'node:up');
    await victim.resume();
    await up;
    expect(await store.setMany(keys.map((key) => ({ key, value: 'after' })))).toEqual(keys.map(() => true));
    expect(await store.getMany(keys)).toEqual(keys.map(() => 'after'));
  });
});

test('servers are not silent if the process blocks its event loop longer than commandTimeoutMs', async () => {
  const store = open(redis.locations);
  await store.connect();
  const states = recordStates(store);
  const keys = Array.from({ length: 20 }, (_, index) => `blocked-${index}`);
  const written = store.setMany(keys.map((key) => ({ key, value: 'value' })));
  const read = Promise.all(keys.map((key) => store.get(key)));
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  const blockedUntil = performance.now() + DEADLINE_MS + 500;
  while (performance.now() < blockedUntil);
  expect(await written).toEqual(keys.map(() => true));
  await read;
  expect(states.map(([event]) => event)).not.toContain('node:down');
});

// Regression: one error for each key of a later call, thousands in one message.
test('clear() tells once that it did not reach a frozen node, although later calls use many of its keys', async () => {
  const store = open(redis.locations, { nodeDownPolicy: 'error' });
  await store.connect();
  const keys = keysOf(store, victim.location, 100);
  await victim.pause();
  const cleared = rejection(store.clear());
  const later = Promise.allSettled(keys.map((key) => store.set(key, 'value')));
  expect(await cleared).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [victim.location] });
  await later;
  await victim.resume();
});
