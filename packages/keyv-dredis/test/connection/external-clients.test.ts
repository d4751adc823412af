import { beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, createClientPool, createCluster, RESP_TYPES } from 'redis';
import type { RedisServer } from 'redis-launcher';
import {
  type DRedisStore,
  type DRedisStoreOptions,
  InvalidOptionError,
  type Location,
  NodeUnavailableError,
} from '../../src/index.js';
import { rejectionAtOnce } from '../support/fail-fast.js';
import {
  DEADLINE_MS,
  NO_DEADLINES,
  nextEvent,
  onCleanUp,
  openStoreOver,
  rejection,
  runProgram,
  startBlackHole,
  startFullServer,
  startProxy,
  startServer,
  timeOut,
} from '../support/index.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startServer();
});

const open = (locations: readonly Location[], options?: DRedisStoreOptions) =>
  openStoreOver(locations, { namespace: 'external', ...NO_DEADLINES, ...options });

/** Makes a client that the test owns. It is not connected yet. */
function makeClient(location = server.location, options: object = {}) {
  const client = createClient({ url: `redis://${location}`, ...options });
  client.on('error', () => undefined);
  onCleanUp(() => client.isOpen && client.destroy());
  return client;
}

/** Makes a pool of two clients that the test owns. The pool is not connected yet. */
function makePool(options: object = {}) {
  const pool = createClientPool({ url: `redis://${server.location}`, ...options }, { minimum: 2 });
  pool.on('error', () => undefined);
  onCleanUp(() => pool.isOpen && pool.destroy());
  return pool;
}

interface Emitter {
  eventNames(): (string | symbol)[];
  listenerCount(event: string | symbol): number;
}

const listenerCounts = (client: Emitter) =>
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

describe("the caller's client", () => {
  test("is used if it is connected, and stays connected without the store's listeners", async () => {
    const client = makeClient();
    await client.connect();
    const before = listenerCounts(client);
    const store = open([client]);
    expect(store.nodes).toEqual([server.location]);
    await expectToWork(store);
    await store.disconnect();
    expect(client.isReady).toBe(true);
    expect(listenerCounts(client)).toEqual(before);
    expect(await client.ping()).toBe('PONG');
  });

  // Regression: Node.js warned of a leak, because each store added three listeners.
  describe('that 30 stores share', () => {
    /** Runs in a process of its own, because Jest's `process` does not receive the warnings of Node.js. */
    const run = (program: string) =>
      runProgram(
        [server.location],
        `const client = createClient({ url: 'redis://' + locations[0] });
        client.on('error', () => undefined);
        const stores = Array.from({ length: 30 }, (_, number) => new DRedisStore([client], { namespace: 'n' + number }));
        await Promise.all(stores.map((store, number) => store.set('key', 'value ' + number)));
        const values = await Promise.all(stores.map((store) => store.get('key')));
        console.log(values.every((value, number) => value === 'value ' + number), client.getMaxListeners());
        ${program}
        await Promise.all(stores.map((store) => store.disconnect()));
        await client.close();`,
      );

    test('causes no warning of a leak', async () => {
      expect(await run('')).toEqual({ code: 0, output: 'true 10\nexits\n' });
    });

    test("still causes a warning if the caller's own listeners leak", async () => {
      const leak = "for (let count = 0; count < 10; count++) client.on('ready', () => undefined);";
      expect((await run(leak)).output).toMatch(/MaxListenersExceededWarning.* 11 ready listeners/);
    });

    test("has none of the stores' listeners once they are all disconnected", async () => {
      const client = makeClient();
      const before = listenerCounts(client);
      const stores = Array.from({ length: 30 }, () => open([client]));
      await Promise.all(stores.map((store) => store.connect()));
      await Promise.all(stores.slice(1).map((store) => store.disconnect()));
      expect(await stores[0]?.has('key')).toBe(false);
      await stores[0]?.disconnect();
      expect(listenerCounts(client)).toEqual(before);
    });
  });

  test('that many stores share tells each of them when it is lost and when it is back', async () => {
    const own = await startServer();
    const client = makeClient(own.location, { socket: { reconnectStrategy: 20 } });
    const stores = Array.from({ length: 12 }, () => open([client]));
    await Promise.all(stores.map((store) => store.connect()));
    const downs = Promise.all(stores.map((store) => nextEvent(store, 'node:down')));
    await own.kill();
    await downs;
    const ups = Promise.all(stores.map((store) => nextEvent(store, 'node:up')));
    await own.start();
    await ups;
  });

  test('is connected by the first operation if it is not open, and stays connected', async () => {
    const client = makeClient();
    const before = listenerCounts(client);
    const store = open([client]);
    expect(client.isOpen).toBe(false);
    await expectToWork(store);
    await store.disconnect();
    expect(client.isReady).toBe(true);
    expect(listenerCounts(client)).toEqual(before);
  });

  test('is used once it is connected if the caller is connecting it', async () => {
    const client = makeClient();
    const opened = client.connect();
    await expectToWork(open([client]));
    await opened;
  });

  test('may use RESP 2', async () => {
    await expectToWork(open([makeClient(server.location, { RESP: 2 })]));
  });

  // Regression: SCAN returned Buffers, which never matched the prefix, so clear() resolved without removing
  // anything.
  test('may map replies to Buffers and numbers to text', async () => {
    const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String };
    await expectToWork(open([makeClient(server.location, { commandOptions: { typeMapping } })]));
    await expectToWork(
      open([`redis://${server.location}`], { clientOptions: { commandOptions: { typeMapping } } }),
    );
  });

  test('may be a pool, which needs a name', async () => {
    const pool = makePool();
    expect(() => open([pool])).toThrow(
      new InvalidOptionError(
        'locations[0] is a client without an address in its options; give it a name: { name, client }',
      ),
    );
    const before = listenerCounts(pool);
    const store = open([{ name: 'pool', client: pool }]);
    expect(store.nodes).toEqual(['pool']);
    await expectToWork(store);
    await store.disconnect();
    expect(pool.isOpen).toBe(true);
    expect(listenerCounts(pool)).toEqual(before);
  });

  test.each<[object, string]>([
    [{ socket: { host: 'h', port: 1 } }, 'h:1'],
    [{ url: 'redis://u:p@h:1/2' }, 'h:1/2'],
    [{ url: 'redis://[::1]:1' }, '[::1]:1'],
    [{ socket: { path: '/s' } }, 'unix:/s'],
    [{}, 'localhost:6379'],
  ])('with the options %j is named %j', (options, name) => {
    expect(open([createClient(options)]).nodes).toEqual([name]);
  });

  test('may have a name and a weight', () => {
    expect(open([{ client: makeClient(), name: 'mine', weight: 2 }]).nodes).toEqual(['mine']);
  });
});

describe('a client factory', () => {
  test('makes a client that the store closes', async () => {
    let made: ReturnType<typeof makeClient> | undefined;
    const store = open([
      () => {
        made = makeClient();
        return made;
      },
    ]);
    expect(store.nodes).toEqual([server.location]);
    await expectToWork(store);
    expect(made?.isReady).toBe(true);
    await store.disconnect();
    expect(made?.isOpen).toBe(false);
  });

  test('may make a pool, which the store closes', async () => {
    const pool = makePool();
    const store = open([{ name: 'pool', client: () => pool }]);
    await expectToWork(store);
    await store.disconnect();
    expect(pool.isOpen).toBe(false);
  });

  test('makes a client that stays closed if the store is disconnected while it connects', async () => {
    const proxy = await startProxy(server.location);
    const client = makeClient(proxy.location);
    const store = open([() => client], { disconnectTimeoutMs: 0 });
    const call = rejection(store.get('key'));
    const arrived = proxy.nextConnection();
    await store.disconnect();
    await call;
    // A TCP connect in progress cannot be stopped, so the client closes the connection once it is
    // established.
    const socket = await arrived;
    if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
    expect(client.isOpen).toBe(false);
  });
});

describe('the constructor throws for', () => {
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
      'a factory for a client with a keyPrefix',
      () => () => createClient({ keyPrefix: 'p:' } as object),
      'locations[0] is a client with a keyPrefix, which SCAN ignores; use a namespace',
    ],
    [
      'connection options next to a client',
      () => ({ client: createClient(), password: 'p' }),
      'locations[0].password is not allowed together with client, which has options of its own',
    ],
  ])('%s', (_name, location, message) => {
    expect(() => open([location()])).toThrow(new InvalidOptionError(message));
  });

  test("a cluster as a location's client", () => {
    const cluster = createCluster({ rootNodes: [{ url: 'redis://h' }] });
    expect(() => open([{ name: 'c', client: cluster as never }])).toThrow(InvalidOptionError);
  });
});

describe.each([
  ['a plain client', () => makeClient()],
  ['a pool', () => ({ name: 'pool', client: makePool() })],
])('%s whose server', (_name, location) => {
  test('is killed and restarted makes calls fail, and then works again', async () => {
    // A client queues commands while it reconnects.
    const store = open([location()], { commandTimeoutMs: DEADLINE_MS });
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

  test('is paused makes calls time out, then fail at once, and works again after a resume', async () => {
    const store = open([location()], { commandTimeoutMs: DEADLINE_MS });
    await store.set('key', 'value');
    const down = nextEvent(store, 'node:down');
    await server.pause();
    await timeOut(store, 'key');
    await down;
    expect(await rejectionAtOnce(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await server.resume();
    await up;
    expect(await store.get('key')).toBe('value');
  });
});

// Regression: connect() and updateNodes() never settled, because node-redis has no time limit for the
// greeting. disconnect() never settled either, because it waits for a running updateNodes().
describe('a client whose server accepts connections and never answers', () => {
  /** These deadlines can be short because no live server has to meet them. */
  const timeouts = { commandTimeoutMs: 150, connectTimeoutMs: 150 };

  test.each([
    ['that is not open', false],
    ['that the caller is connecting', true],
  ])(
    "%s makes every call fail, later calls at once, and keeps none of the store's listeners",
    async (_name, opened) => {
      const hole = await startBlackHole();
      const client = makeClient(hole.location);
      const before = listenerCounts(client);
      if (opened) client.connect().catch(() => undefined);
      const store = open([client], timeouts);
      const waited = await rejection(store.get('key'));
      expect(waited.code).toMatch(/^DREDIS_(COMMAND_TIMEOUT|NODE_UNAVAILABLE)$/);
      expect(await rejection(store.connect())).toMatchObject({
        code: 'DREDIS_CONNECT_INCOMPLETE',
        nodes: [hole.location],
        message: expect.stringContaining('no greeting within 150 ms (connectTimeoutMs)'),
      });
      expect(await rejectionAtOnce(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
      expect(await rejection(store.updateNodes([{ name: 'new', client }]))).toMatchObject({ nodes: ['new'] });
      expect(store.nodes).toEqual([hole.location]);
      await store.disconnect();
      expect(listenerCounts(client)).toEqual(before);
    },
  );

  test('is up once the server answers', async () => {
    const proxy = await startProxy(server.location);
    const held: (() => void)[] = [];
    proxy.onReply = (reply, client) => held.push(() => client.write(reply));
    const store = open([makeClient(proxy.location)], { connectTimeoutMs: 150 });
    await rejection(store.connect());
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    for (const release of held) release();
    await up;
    expect(await store.set('key', 'value')).toBe(true);
  });

  test('makes a call reject when disconnect() ends the connection attempt', async () => {
    const hole = await startBlackHole();
    const client = makeClient(hole.location);
    const before = listenerCounts(client);
    const store = open([client], { disconnectTimeoutMs: 0 });
    const arrived = hole.nextConnection();
    const call = rejection(store.get('key'));
    await arrived;
    await store.disconnect();
    expect(await call).toBeInstanceOf(NodeUnavailableError);
    expect(listenerCounts(client)).toEqual(before);
  });
});

test('the store reconnects a client without a reconnectStrategy', async () => {
  const proxy = await startProxy(server.location);
  const client = makeClient(proxy.location, {
    socket: { host: '127.0.0.1', port: proxy.port, reconnectStrategy: false },
  });
  const store = open([client]);
  await store.set('key', 'value');
  proxy.onReply = (_reply, toClient) => {
    toClient.destroy();
    proxy.onReply = undefined;
  };
  expect(await store.get('key')).toBe('value');
  expect(client.isReady).toBe(true);
});

test.each<[string, (options: object) => Location]>([
  ['client', (options) => makeClient(server.location, options)],
  ['pool', (options) => ({ name: 'pool', client: makePool(options) })],
])(
  'the store reconnects a %s without a reconnectStrategy whose connect() fails after connectTimeoutMs',
  async (_name, make) => {
    const full = await startFullServer();
    const socket = { host: '127.0.0.1', port: full.port, reconnectStrategy: false, connectTimeout: 500 };
    const store = open([make({ url: undefined, socket })], {
      connectTimeoutMs: 200,
      commandTimeoutMs: DEADLINE_MS,
    });
    const down = nextEvent(store, 'node:down');
    expect(await rejection(store.connect())).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE' });
    await down;
    const up = nextEvent(store, 'node:up');
    await full.resume();
    await up;
  },
);

// Regression: if a silent server answered a probe with an error reply, its node stayed down forever.
test('a node that answers a probe with an error is probed again', async () => {
  const proxy = await startProxy(server.location);
  const store = open([makeClient(proxy.location)], { commandTimeoutMs: DEADLINE_MS });
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
  'a client that its owner closes with %s() stays closed until the owner connects it again',
  async (end) => {
    const client = makeClient();
    const store = open([client]);
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
