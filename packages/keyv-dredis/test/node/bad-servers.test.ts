import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, startRedis } from 'redis-launcher';
import {
  type DRedisError,
  DRedisStore,
  type DRedisStoreOptions,
  type Locations,
  NodeUnavailableError,
} from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import { MAJORS, makeKeyv } from '../support/keyvs.js';
import { errorsOf, nextEvent, rejection } from '../support/stores.js';
import { startTls } from '../support/tls-servers.js';

// Servers that somebody named by mistake, or set up wrongly: each gives one error, which says what to do.

const PASSWORD = 's3cret-zq9zq9';
const stores: DRedisStore[] = [];
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

afterAll(async () => {
  for (const step of cleanUp.reverse()) await step();
});

function makeStore(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, options);
  stores.push(store);
  return store;
}

async function startOne(args: readonly string[] = []): Promise<RedisServer> {
  const redis = await startRedis({ count: 1, args });
  cleanUp.push(redis.stop);
  return redis.servers[0] as RedisServer;
}

async function httpServer(): Promise<string> {
  const http = createServer((_request, response) => response.end('hello'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  cleanUp.push(() => {
    http.close();
    http.closeAllConnections();
  });
  return `127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function replica(): Promise<string> {
  const primary = await startOne(['--repl-diskless-sync-delay', '0']);
  const replica = await startOne(['--replicaof', primary.host, `${primary.port}`]);
  await ask(primary.location, ['SET', 'written', 'by the primary']);
  // Once one replica has it.
  await ask(primary.location, ['WAIT', '1', '0'], 25_000);
  return replica.location;
}

async function fullServer(): Promise<string> {
  const { location } = await startOne(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
  return location;
}

async function tlsServer(): Promise<string> {
  const authority = new Authority('nobody knows');
  const redis = await startTls(1, authority.issue('server'));
  cleanUp.push(redis.stop);
  return redis.locations[0] as string;
}

interface BadServer {
  readonly title: string;
  readonly start: () => Promise<string>;
  readonly scheme?: 'rediss';
  /** What the error says is in the way, after the node's name. */
  readonly reason: RegExp;
  readonly advice: string;
  /** It greets, and serves reads until it has refused a write. @default false: it is unavailable */
  readonly reads?: true;
}

const BAD_SERVERS: readonly BadServer[] = [
  {
    title: 'a port that is not Redis but HTTP',
    start: httpServer,
    reason: /^the other side is not a Redis server$/,
    advice: 'correct the host or the port of its location',
  },
  {
    title: 'a port where nothing listens',
    start: async () => {
      const server = await startOne();
      await server.kill();
      return server.location;
    },
    reason: /^connect ECONNREFUSED 127.0.0.1:\d+$/,
    advice: 'start the server, or correct the host or the port of its location',
  },
  {
    title: 'a host name that does not resolve',
    start: async () => 'no-such-host.invalid:6379',
    // The latter where there is no name service at all.
    reason: /^getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host.invalid$/,
    advice: 'correct the host name of its location, or the name service of this machine',
  },
  {
    title: 'a wrong password',
    start: async () => (await startOne(['--requirepass', 'another'])).location,
    reason: /^WRONGPASS .*[^.]$/,
    advice: 'correct the options username and password, or those in the URL',
  },
  {
    title: 'TLS with a certificate of an unknown authority',
    start: tlsServer,
    scheme: 'rediss',
    reason: /^unable to verify the first certificate/,
    advice: 'set tls: { ca } to the authority of the server',
  },
  {
    title: 'a read-only replica',
    start: replica,
    reason: /^READONLY .*[^.]$/,
    advice: 'this server is a replica: use the location of the primary',
    reads: true,
  },
  {
    title: 'a server at maxmemory with noeviction',
    start: fullServer,
    reason: /^OOM .*[^.]$/,
    advice: 'raise maxmemory of the server, or set its maxmemory-policy to allkeys-lru',
    reads: true,
  },
];

describe.each(BAD_SERVERS)('$title', ({ start, scheme = 'redis', reason, advice, reads = false }) => {
  let node: string;

  beforeAll(async () => {
    node = await start();
  });

  function open() {
    const store = makeStore(`${scheme}://default:${PASSWORD}@${node}`, {
      namespace: 'bad',
      // How long a name service takes is not the point.
      connectTimeoutMs: 25_000,
      commandTimeoutMs: 25_000,
    });
    const downs: unknown[][] = [];
    store.on('node:down', (...args) => downs.push(args));
    return { store, downs };
  }

  /** @param before what the node has refused: it is down for it */
  function expectTheError(error: unknown, before = false): void {
    const { message, ...rest } = { ...(error as DRedisError), message: (error as DRedisError).message };
    const refused = reads && !before;
    const unavailable = `Node ${node} is unavailable: ${reads ? 'it refused a command: ' : ''}`;
    const prefix = refused ? `Node ${node} refused a command: ` : unavailable;
    expect(message.slice(0, prefix.length)).toBe(prefix);
    expect(message).toContain(` (${advice})`);
    expect(message.slice(prefix.length, -` (${advice})`.length)).toMatch(reason);
    expect(rest).toMatchObject({
      code: refused ? 'DREDIS_COMMAND_FAILED' : 'DREDIS_NODE_UNAVAILABLE',
      node,
    });
  }

  test('a write gives one error, which says what to do', async () => {
    const { store, downs } = open();
    const events = errorsOf(store);
    const error = await rejection(store.set('key', 'value'));
    expectTheError(error);
    expect(events).toEqual([]);
    expect(downs).toHaveLength(1);
    for (const [name, reason] of downs) {
      expect(name).toBe(node);
      expectTheError(reason);
    }
    // It is down, and later calls say why as well.
    expectTheError(await rejection(store.get('key')), true);
  });

  test('a call over many keys gives one error, which says what to do', async () => {
    const { store } = open();
    const events = errorsOf(store);
    const entries = ['a', 'b', 'c'].map((key) => ({ key, value: 'value' }));
    expect(await store.setMany(entries)).toEqual([false, false, false]);
    expect(events).toHaveLength(1);
    expectTheError(events[0]);
    const expiring = entries.map((entry) => ({ ...entry, expires: Date.now() + 600_000 }));
    expect(await store.setMany(expiring)).toEqual([false, false, false]);
    expect(events).toHaveLength(2);
    expectTheError(events[1], true);
  });

  test.each(MAJORS)('%s in front tells of one error', async (_title, major) => {
    const { store } = open();
    const keyv = makeKeyv(major, store, { namespace: 'bad' });
    const told: unknown[] = [];
    keyv.on('error', (error) => told.push(error));
    expect(await keyv.set('key', 'value')).toBe(false);
    expect(told).toHaveLength(1);
    expectTheError(told[0]);
  });

  test(reads ? 'connects, and is read' : 'connect() says what to do', async () => {
    const { store } = open();
    if (reads) {
      await store.connect();
      expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    } else {
      const error = await rejection(store.connect());
      expect(error).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE', nodes: [node] });
      expect(error.message).toContain(`Node ${node} is unavailable: `);
      expect(error.message).toContain(advice);
    }
  });

  test('nowhere a credential', async () => {
    const { store, downs } = open();
    const told: unknown[] = [store, downs, errorsOf(store)];
    told.push(await rejection(store.set('key', 'value')));
    told.push(await store.connect().catch((error: unknown) => error));
    told.push(await store.clear().catch((error: unknown) => error));
    await store.setMany([{ key: 'key', value: 'value' }]);
    expect(inspect(told, { depth: 20, showHidden: true })).not.toContain(PASSWORD);
    expect(JSON.stringify(told)).not.toContain(PASSWORD);
  });
});

describe('a password that is missing', () => {
  let location: string;

  beforeAll(async () => {
    ({ location } = await startOne(['--requirepass', 'another']));
  });

  test.each([
    // HELLO is refused without a password; where there is no HELLO it is the first command.
    [3, 'is unavailable'],
    [2, 'refused a command'],
  ] as const)('with RESP %i: the error says so', async (RESP, verb) => {
    const store = makeStore([location], { clientOptions: { RESP } });
    const advice = '(set the option password, or put it into the URL)';
    const { message } = await rejection(store.set('key', 'value'));
    expect(message.startsWith(`Node ${location} ${verb}: NOAUTH `)).toBe(true);
    expect(message.endsWith(advice)).toBe(true);
  });
});

test('a replica that has become the primary takes writes, without a new connection', async () => {
  const location = await replica();
  const store = makeStore([location]);
  await rejection(store.set('key', 'value'));
  const { client } = store.locate('key');
  const id = await client.clientId();
  const up = nextEvent(store, 'node:up');
  await ask(location, ['REPLICAOF', 'NO', 'ONE']);
  await up;
  expect(await store.set('key', 'value')).toBe(true);
  expect(await client.clientId()).toBe(id);
});

test('a replica that has lost its primary and does not serve what it has', async () => {
  const primary = await startOne();
  await primary.kill();
  const args = ['--replicaof', primary.host, `${primary.port}`, '--replica-serve-stale-data', 'no'];
  const { location } = await startOne(args);
  const { message } = await rejection(makeStore([location]).get('key'));
  expect(message.startsWith(`Node ${location} refused a command: MASTERDOWN `)).toBe(true);
  expect(message.endsWith('(this server is a replica: use the location of the primary)')).toBe(true);
});

test('a host with two addresses, and nothing at either', () => {
  // What Node.js makes of it; not every machine has two addresses for a name.
  const refused = (address: string) =>
    Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
  const { message } = new NodeUnavailableError(
    'h:1',
    new AggregateError([refused('::1:1'), refused('127.0.0.1:1')]),
  );
  expect(message).toBe(
    'Node h:1 is unavailable: connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1 ' +
      '(start the server, or correct the host or the port of its location)',
  );
});
