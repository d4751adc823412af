import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, createClientPool, createCluster, RESP_TYPES } from 'redis';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import {
  DRedisStore,
  type DRedisStoreOptions,
  InvalidOptionError,
  type Location,
  NodeUnavailableError,
} from '../../src/index.js';
import { DEADLINE_MS, NO_DEADLINES } from '../support/deadlines.js';
import { fullServer } from '../support/full-server.js';
import { nextEvent, rejection, timeOut } from '../support/stores.js';
import { blackHole, proxyTo } from '../support/stub-server.js';

let redis: RedisServers;
let server: RedisServer;
const stores: DRedisStore[] = [];
const stubs: { stop(): Promise<void> }[] = [];
const clients: { readonly isOpen: boolean; destroy(): unknown }[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
  server = redis.servers[0] as RedisServer;
});

afterEach(async () => {
  await server.resume();
  await server.start();
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  for (const client of clients.splice(0)) if (client.isOpen) client.destroy();
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

function makeStore(locations: readonly Location[], options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, { namespace: 'foreign', ...NO_DEADLINES, ...options });
  stores.push(store);
  return store;
}

function plain(location = server.location, options: object = {}) {
  const client = createClient({ url: `redis://${location}`, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

function pool(options: object = {}) {
  const made = createClientPool({ url: `redis://${server.location}`, ...options }, { minimum: 2 });
  made.on('error', () => undefined);
  clients.push(made);
  return made;
}

interface Listening {
  eventNames(): (string | symbol)[];
  listenerCount(event: string | symbol): number;
}

const listeners = (client: Listening) =>
  Object.fromEntries(client.eventNames().map((event) => [String(event), client.listenerCount(event)]));

async function expectToWork(store: DRedisStore): Promise<void> {
  const bytes = Buffer.from([0xc3, 0x28, 0x00]);
  await store.clear();
  expect(await store.set('text', 'välue')).toBe(true);
  expect(await store.setMany([{ key: 'bytes', value: bytes }])).toEqual([true]);
  expect(await store.getMany(['text', 'bytes', 'none'])).toEqual(['välue', bytes, undefined]);
  expect(await store.get('bytes')).toEqual(bytes);
  expect(await store.hasMany(['text', 'none'])).toEqual([true, false]);
  const keys: string[] = [];
  for await (const [key] of store.iterator()) keys.push(key);
  expect(keys.sort()).toEqual(['bytes', 'text']);
  expect(await store.deleteMany(['text', 'none'])).toEqual([true, false]);
  await store.clear();
  expect(await store.has('bytes')).toBe(false);
}

describe('a client of the caller’s', () => {
  test('that is open: used as it is, left open, with no listener of ours', async () => {
    const client = plain();
    await client.connect();
    const before = listeners(client);
    const store = makeStore([client]);
    expect(store.nodes).toEqual([server.location]);
    await expectToWork(store);
    await store.disconnect();
    expect(client.isReady).toBe(true);
    expect(listeners(client)).toEqual(before);
    expect(await client.ping()).toBe('PONG');
  });

  test('that nobody opened: opened with the first operation, and left open', async () => {
    const client = plain();
    const before = listeners(client);
    const store = makeStore([client]);
    expect(client.isOpen).toBe(false);
    await expectToWork(store);
    await store.disconnect();
    expect(client.isReady).toBe(true);
    expect(listeners(client)).toEqual(before);
  });

  test('that the caller is just opening: waited for', async () => {
    const client = plain();
    const opened = client.connect();
    await expectToWork(makeStore([client]));
    await opened;
  });

  test('that speaks RESP 2', async () => {
    await expectToWork(makeStore([plain(server.location, { RESP: 2 })]));
  });

  // SCAN's keys came as Buffers, which have no prefix: clear() removed nothing, and said that it had.
  test('that gives Buffers and text for numbers to its owner', async () => {
    const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String };
    await expectToWork(makeStore([plain(server.location, { commandOptions: { typeMapping } })]));
    await expectToWork(
      makeStore([`redis://${server.location}`], { clientOptions: { commandOptions: { typeMapping } } }),
    );
  });

  test('a pool, which needs a name', async () => {
    const made = pool();
    expect(() => makeStore([made])).toThrow(
      new InvalidOptionError(
        'locations[0] is a client without an address in its options; give it a name: { name, client }',
      ),
    );
    const before = listeners(made);
    const store = makeStore([{ name: 'pool', client: made }]);
    expect(store.nodes).toEqual(['pool']);
    await expectToWork(store);
    await store.disconnect();
    expect(made.isOpen).toBe(true);
    expect(listeners(made)).toEqual(before);
  });

  test.each<[object, string]>([
    [{ socket: { host: 'h', port: 1 } }, 'h:1'],
    [{ url: 'redis://u:p@h:1/2' }, 'h:1/2'],
    [{ url: 'redis://[::1]:1' }, '[::1]:1'],
    [{ socket: { path: '/s' } }, 'unix:/s'],
    [{}, 'localhost:6379'],
  ])('%j names itself %j', (options, name) => {
    expect(makeStore([createClient(options)]).nodes).toEqual([name]);
  });

  test('can be named and weighted', () => {
    expect(makeStore([{ client: plain(), name: 'mine', weight: 2 }]).nodes).toEqual(['mine']);
  });
});

describe('a factory', () => {
  test('makes a client that is ours to close', async () => {
    let made: ReturnType<typeof createClient> | undefined;
    const store = makeStore([
      () => {
        made = plain() as never;
        return made as never;
      },
    ]);
    expect(store.nodes).toEqual([server.location]);
    await expectToWork(store);
    expect(made?.isReady).toBe(true);
    await store.disconnect();
    expect(made?.isOpen).toBe(false);
  });

  test('of a pool', async () => {
    const made = pool();
    const store = makeStore([{ name: 'pool', client: () => made }]);
    await expectToWork(store);
    await store.disconnect();
    expect(made.isOpen).toBe(false);
  });

  test('whose client was not yet connected when the store is disconnected: it does not open after all', async () => {
    const proxy = await proxyTo(server.location);
    stubs.push(proxy);
    const client = plain(proxy.location);
    const store = makeStore([() => client], { disconnectTimeoutMs: 0 });
    const call = rejection(store.get('key'));
    const arrived = proxy.nextConnection();
    await store.disconnect();
    await call;
    // Its TCP connect was under way and cannot be stopped; as soon as it is through, it is ended.
    const socket = await arrived;
    if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
    expect(client.isOpen).toBe(false);
  });
});

describe('what is refused', () => {
  test.each<[string, () => Location, string]>([
    [
      'a cluster',
      () => createCluster({ rootNodes: [{ url: 'redis://h' }] }) as never,
      'locations[0] is a cluster client, which shards by itself; list the nodes one by one',
    ],
    [
      'a client with a keyPrefix',
      () => createClient({ keyPrefix: 'p:' } as object),
      'locations[0] is a client with a keyPrefix, which SCAN ignores; use a namespace',
    ],
    [
      'a factory of one with a keyPrefix',
      () => () => createClient({ keyPrefix: 'p:' } as object),
      'locations[0] is a client with a keyPrefix, which SCAN ignores; use a namespace',
    ],
    [
      'connection options beside a client',
      () => ({ client: createClient(), password: 'p' }),
      'locations[0].password is not allowed together with client, which has options of its own',
    ],
  ])('%s', (_name, location, message) => {
    expect(() => makeStore([location()])).toThrow(new InvalidOptionError(message));
  });

  test('a cluster written out as a client', () => {
    const cluster = createCluster({ rootNodes: [{ url: 'redis://h' }] });
    expect(() => makeStore([{ name: 'c', client: cluster as never }])).toThrow(InvalidOptionError);
  });
});

describe.each([
  ['a plain client', () => plain()],
  ['a pool', () => ({ name: 'pool', client: pool() })],
])('%s and its server', (_name, location) => {
  test('killed and started again: fails, and comes back by itself', async () => {
    // What a client is given while it reconnects waits in the client.
    const store = makeStore([location()], { commandTimeoutMs: DEADLINE_MS });
    await store.set('key', 'value');
    const down = nextEvent(store, 'node:down');
    await server.kill();
    await timeOut(store, 'key');
    await down;
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await server.start();
    await up;
    expect(await store.set('key', 'again')).toBe(true);
  });

  test('frozen: times out, then fails fast, and comes back by itself', async () => {
    const store = makeStore([location()], { commandTimeoutMs: DEADLINE_MS });
    await store.set('key', 'value');
    const down = nextEvent(store, 'node:down');
    await server.pause();
    await timeOut(store, 'key');
    await down;
    const turn = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
    expect(await Promise.race([rejection(store.get('key')), turn])).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await server.resume();
    await up;
    expect(await store.get('key')).toBe('value');
  });
});

// node-redis puts no limit on the greeting. connect() waited for it without end, so did updateNodes(),
// and disconnect(), which lets a change of nodes finish first.
describe('a client whose server accepts and never answers', () => {
  /** Nothing that is alive has to keep to them. */
  const timeouts = { commandTimeoutMs: 150, connectTimeoutMs: 150 };

  test.each([
    ['that nobody opened', false],
    ['that the caller is opening', true],
  ])('%s: every call ends, later ones fail fast, and nothing of ours is left', async (_name, opened) => {
    const hole = await blackHole();
    stubs.push(hole);
    const client = plain(hole.location);
    const before = listeners(client);
    if (opened) client.connect().catch(() => undefined);
    const store = makeStore([client], timeouts);
    const waited = await rejection(store.get('key'));
    expect(waited.code).toMatch(/^DREDIS_(COMMAND_TIMEOUT|NODE_UNAVAILABLE)$/);
    expect(await rejection(store.connect())).toMatchObject({
      code: 'DREDIS_CONNECT_INCOMPLETE',
      nodes: [hole.location],
      message: expect.stringContaining('no greeting within 150 ms (connectTimeoutMs)'),
    });
    const turn = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
    expect(await Promise.race([rejection(store.get('key')), turn])).toBeInstanceOf(NodeUnavailableError);
    expect(await rejection(store.updateNodes([{ name: 'new', client }]))).toMatchObject({ nodes: ['new'] });
    expect(store.nodes).toEqual([hole.location]);
    await store.disconnect();
    expect(listeners(client)).toEqual(before);
  });

  test('until it does answer: the node comes up', async () => {
    const proxy = await proxyTo(server.location);
    stubs.push(proxy);
    const held: (() => void)[] = [];
    proxy.onReply = (reply, client) => held.push(() => client.write(reply));
    const store = makeStore([plain(proxy.location)], { connectTimeoutMs: 150 });
    await rejection(store.connect());
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    for (const release of held) release();
    await up;
    expect(await store.set('key', 'value')).toBe(true);
  });

  test('disconnect() meanwhile ends the attempt', async () => {
    const hole = await blackHole();
    stubs.push(hole);
    const client = plain(hole.location);
    const before = listeners(client);
    const store = makeStore([client], { disconnectTimeoutMs: 0 });
    const arrived = hole.nextConnection();
    const call = rejection(store.get('key'));
    await arrived;
    await store.disconnect();
    expect(await call).toBeInstanceOf(NodeUnavailableError);
    expect(listeners(client)).toEqual(before);
  });
});

test('a client that does not reconnect by itself is connected again by the store', async () => {
  const proxy = await proxyTo(server.location);
  stubs.push(proxy);
  const client = plain(proxy.location, {
    socket: { host: '127.0.0.1', port: proxy.port, reconnectStrategy: false },
  });
  const store = makeStore([client]);
  await store.set('key', 'value');
  const up = nextEvent(store, 'node:up');
  proxy.onReply = (_reply, toClient) => {
    toClient.destroy();
    proxy.onReply = undefined;
  };
  await rejection(store.get('key'));
  await up;
  expect(await store.get('key')).toBe('value');
});

test.each<[string, (options: object) => Location]>([
  ['client', (options) => plain(server.location, options)],
  ['pool', (options) => ({ name: 'pool', client: pool(options) })],
])('nor does a %s stay down whose own attempt fails after ours was given up', async (_name, make) => {
  const full = await fullServer();
  stubs.push(full);
  const socket = { host: '127.0.0.1', port: full.port, reconnectStrategy: false, connectTimeout: 200 };
  const store = makeStore([make({ url: undefined, socket })], { connectTimeoutMs: 50, commandTimeoutMs: 50 });
  const down = nextEvent(store, 'node:down');
  expect(await rejection(store.connect())).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE' });
  await down;
  const up = nextEvent(store, 'node:up');
  await full.resume();
  await up;
});

// A failed answer to the store's own question whether a silent server is back left the node down for good.
test('a node that answers with an error when it is asked for a sign of life is asked again', async () => {
  const proxy = await proxyTo(server.location);
  stubs.push(proxy);
  const store = makeStore([plain(proxy.location)], { commandTimeoutMs: DEADLINE_MS });
  await store.connect();
  const up = nextEvent(store, 'node:up');
  proxy.onReply = (reply, toClient) => {
    if (!reply.includes('+OK')) return;
    proxy.onReply = undefined;
    const loading = '-LOADING Redis is loading the dataset in memory\r\n';
    toClient.write(loading.repeat(4));
  };
  await timeOut(store, 'key');
  await up;
  expect(await store.set('key', 'value')).toBe(true);
  expect(proxy.connectionCount).toBe(1);
});

test.each(['close', 'destroy'] as const)(
  'a client on which its owner calls %s() stays closed, until the owner opens it again',
  async (end) => {
    const client = plain();
    const store = makeStore([client]);
    await store.set('key', 'value');
    const down = nextEvent(store, 'node:down');
    await client[end]();
    await down;
    const error = await rejection(store.get('key'));
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error.message).toContain('its client was closed');
    expect((await rejection(store.connect())).code).toBe('DREDIS_CONNECT_INCOMPLETE');
    expect(client.isOpen).toBe(false);
    const up = nextEvent(store, 'node:up');
    await client.connect();
    await up;
    expect(await store.get('key')).toBe('value');
  },
);
