import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import {
  CommandTimeoutError,
  DRedisStore,
  type DRedisStoreOptions,
  NodeUnavailableError,
} from '../../src/index.js';
import { DEADLINE_MS, NEVER_IN_A_TEST_MS } from '../support/deadlines.js';
import { errorsOf, keysOf, nextEvent, rejection } from '../support/stores.js';
import { blackHole, type ProxyServer, proxyTo, type StubServer, stubServer } from '../support/stub-server.js';

/** Where nobody has to keep to it. */
const SHORT_MS = 150;

let redis: RedisServers;
let live: RedisServer;
let frozen: RedisServer;
const stores: DRedisStore[] = [];
const stubs: StubServer[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
  [live, frozen] = redis.servers as [RedisServer, RedisServer];
});

afterEach(async () => {
  await frozen.resume();
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

function makeStore(locations: readonly string[], options: DRedisStoreOptions = {}): DRedisStore {
  const store = new DRedisStore(locations, {
    connectTimeoutMs: DEADLINE_MS,
    commandTimeoutMs: DEADLINE_MS,
    disconnectTimeoutMs: SHORT_MS,
    ...options,
  });
  stores.push(store);
  return store;
}

async function makeProxy(): Promise<ProxyServer> {
  const proxy = await proxyTo(frozen.location);
  stubs.push(proxy);
  return proxy;
}

/** Every operation, on keys of the silent node and of the live one. */
async function expectEveryOperationToFail(store: DRedisStore, silent: string): Promise<void> {
  const [key, another] = keysOf(store, silent, 2) as [string, string];
  const [good] = keysOf(store, live.location, 1) as [string];
  const errors = errorsOf(store);
  const expires = Date.now() + 60_000;
  const outcomes = await Promise.all([
    rejection(store.get(key)),
    rejection(store.set(key, 'v')),
    rejection(store.set(key, 'v', expires)),
    rejection(store.delete(key)),
    rejection(store.has(key)),
    rejection(store.clear()),
  ]);
  for (const error of outcomes) {
    expect(['DREDIS_COMMAND_TIMEOUT', 'DREDIS_NODE_UNAVAILABLE', 'DREDIS_CLEAR_INCOMPLETE']).toContain(
      error.code,
    );
  }
  expect(
    await Promise.all([
      store.setMany([key, good, another].map((each) => ({ key: each, value: 'v' }))),
      store.getMany([key, 'nothing such', another]),
      store.hasMany([key, another]),
      store.deleteMany([key, another]),
      ended(store),
    ]),
  ).toEqual([
    [false, true, false],
    [undefined, undefined, undefined],
    [false, false],
    [false, false],
    'ended',
  ]);
  // One of each of these five calls, all of them from the silent node.
  expect(errors).toHaveLength(5);
  for (const { node } of errors) expect(node).toBe(silent);
}

async function ended(store: DRedisStore): Promise<string> {
  for await (const _entry of store.iterator());
  return 'ended';
}

/** A down node answers before anything else can happen. */
async function expectToFailFast(store: DRedisStore, key: string): Promise<void> {
  const turn = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
  expect(await Promise.race([rejection(store.get(key)), turn])).toBeInstanceOf(NodeUnavailableError);
}

describe('a server that accepts and never answers', () => {
  test('every operation ends with an error, then they fail fast', async () => {
    const hole = await blackHole();
    stubs.push(hole);
    const store = makeStore([live.location, hole.location]);
    await expectEveryOperationToFail(store, hole.location);
    await expectToFailFast(store, keysOf(store, hole.location, 1)[0] as string);
  });

  test('connect() names it', async () => {
    const hole = await blackHole();
    stubs.push(hole);
    const store = makeStore([live.location, hole.location]);
    expect(await rejection(store.connect())).toMatchObject({
      code: 'DREDIS_CONNECT_INCOMPLETE',
      nodes: [hole.location],
      message:
        `Not every node could be reached: Node ${hole.location} is unavailable: ` +
        `no greeting within ${DEADLINE_MS} ms (connectTimeoutMs)`,
    });
  });

  test('a call ends within its own deadline, also when the connection may take longer', async () => {
    const hole = await blackHole();
    stubs.push(hole);
    const options = { connectTimeoutMs: NEVER_IN_A_TEST_MS, commandTimeoutMs: SHORT_MS };
    const store = makeStore([hole.location], options);
    const error = await rejection(store.get('key'));
    expect(error).toBeInstanceOf(CommandTimeoutError);
    expect(error.message).toBe(
      `Node ${hole.location} did not answer within ${SHORT_MS} ms (commandTimeoutMs)`,
    );
  });

  test('it is tried again, one connection at a time', async () => {
    const open = new Set<unknown>();
    let mostAtOnce = 0;
    const hole = await stubServer((socket) => {
      open.add(socket);
      mostAtOnce = Math.max(mostAtOnce, open.size);
      // 'close' alone comes some turns of the loop later: by then the next one may be there.
      const gone = () => open.delete(socket);
      socket.resume().on('end', gone).on('close', gone);
    });
    stubs.push(hole);
    const store = makeStore([hole.location], { connectTimeoutMs: 30, commandTimeoutMs: SHORT_MS });
    await Promise.all([rejection(store.get('a')), rejection(store.get('b')), rejection(store.connect())]);
    for (let times = 0; times < 3; times++) await hole.nextConnection();
    expect(mostAtOnce).toBe(1);
  });
});

describe('a server that greets and then goes silent', () => {
  test('every operation ends with an error, then they fail fast, and it comes back', async () => {
    const proxy = await makeProxy();
    const store = makeStore([live.location, proxy.location]);
    await store.connect();
    const down = nextEvent(store, 'node:down');
    proxy.onReply = () => undefined;
    await expectEveryOperationToFail(store, proxy.location);
    const [name, error] = await down;
    expect(name).toBe(proxy.location);
    expect(error).toBeInstanceOf(CommandTimeoutError);
    const [key] = keysOf(store, proxy.location, 1) as [string];
    await expectToFailFast(store, key);

    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    expect(await store.set(key, 'again')).toBe(true);
    expect(await store.get(key)).toBe('again');
  });

  test('only after the greeting of a reconnection: every attempt ends', async () => {
    const proxy = await makeProxy();
    proxy.onReply = () => undefined;
    const store = makeStore([proxy.location], { connectTimeoutMs: SHORT_MS });
    expect(await rejection(store.connect())).toMatchObject({ nodes: [proxy.location] });
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    expect(await store.set('key', 'value')).toBe(true);
  });
});

describe('a server that is stopped (SIGSTOP)', () => {
  test('every operation ends with an error, then they fail fast, and it comes back (SIGCONT)', async () => {
    const store = makeStore(redis.locations);
    await store.connect();
    const [key] = keysOf(store, frozen.location, 1) as [string];
    await store.set(key, 'before');
    const down = nextEvent(store, 'node:down');
    await frozen.pause();
    await expectEveryOperationToFail(store, frozen.location);
    await down;
    await expectToFailFast(store, key);
    const up = nextEvent(store, 'node:up');
    await frozen.resume();
    await up;
    expect(await store.set(key, 'after')).toBe(true);
    expect(await store.get(key)).toBe('after');
  });

  test('a call that timed out before it could be sent does not happen after all', async () => {
    const options = { connectTimeoutMs: NEVER_IN_A_TEST_MS, commandTimeoutMs: SHORT_MS };
    const store = makeStore([frozen.location], options);
    await frozen.pause();
    expect(await rejection(store.set('timed out', 'too late'))).toBeInstanceOf(CommandTimeoutError);
    await frozen.resume();
    await store.connect();
    // By its client: after all that the store has sent, and with no deadline.
    const { client, key } = store.locate('timed out');
    expect(await client.get(key)).toBeNull();
  });
});

test('a server that is late for one call is not silent when it answered another meanwhile', async () => {
  const proxy = await makeProxy();
  const store = makeStore([proxy.location]);
  const downs: string[] = [];
  store.on('node:down', (name) => downs.push(name));
  await store.connect();
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
  expect(downs).toEqual([]);
});

test('a process whose event loop stands still does not take its servers for silent', async () => {
  const store = makeStore(redis.locations, { commandTimeoutMs: 1000 });
  await store.connect();
  const downs: string[] = [];
  store.on('node:down', (name) => downs.push(name));
  const keys = Array.from({ length: 20 }, (_, index) => `still-${index}`);
  const written = store.setMany(keys.map((key) => ({ key, value: 'value' })));
  const read = Promise.all(keys.map((key) => store.get(key)));
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + 1500;
  while (performance.now() < until);
  expect(await written).toEqual(keys.map(() => true));
  await read;
  expect(downs).toEqual([]);
  await store.deleteMany(keys);
});
