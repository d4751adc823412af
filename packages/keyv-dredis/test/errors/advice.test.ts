import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ask } from 'redis-launcher';
import type { DRedisError } from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import {
  errorsOf,
  MAJORS,
  onCleanUp,
  openKeyv,
  openStoreOver,
  rejection,
  startServer,
  startServers,
  startTlsServers,
  takeErrors,
} from '../support/index.js';

// A wrong location or a misconfigured server causes one error per call. The error says how to fix the
// problem.

const PASSWORD = 's3cret-zq9zq9';

async function startHttpServer(): Promise<string> {
  const http = createServer((_request, response) => response.end('hello'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onCleanUp(() => {
    http.close();
    http.closeAllConnections();
  });
  return `127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function startReplica(): Promise<string> {
  const primary = await startServer('--repl-diskless-sync-delay', '0');
  const replica = await startServer('--replicaof', primary.host, `${primary.port}`);
  await ask(primary.location, ['SET', 'written', 'by the primary']);
  // Waits until one replica has the key.
  await ask(primary.location, ['WAIT', '1', '0'], 25_000);
  return replica.location;
}

interface BadServer {
  readonly title: string;
  readonly start: () => Promise<string>;
  readonly scheme?: 'rediss';
  /** The part of the error message between the node's name and the advice. */
  readonly reason: RegExp;
  readonly advice: string;
  /** Whether the server completes the greeting and serves reads until it refuses a write. @default false */
  readonly servesReads?: true;
}

const BAD_SERVERS: readonly BadServer[] = [
  {
    title: 'an HTTP server',
    start: startHttpServer,
    reason: /^the other side is not a Redis server$/,
    advice: 'correct the host or the port of its location',
  },
  {
    title: 'a port that refuses connections',
    start: async () => {
      const server = await startServer();
      await server.kill();
      return server.location;
    },
    reason: /^connect ECONNREFUSED 127.0.0.1:\d+$/,
    advice: 'start the server, or correct the host or the port of its location',
  },
  {
    title: 'a host name that does not resolve',
    start: async () => 'no-such-host.invalid:6379',
    // The code is EAI_AGAIN if there is no name service.
    reason: /^getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host.invalid$/,
    advice: 'correct the host name of its location, or the name service of this machine',
  },
  {
    title: 'a wrong password',
    start: async () => (await startServer('--requirepass', 'another')).location,
    reason: /^WRONGPASS .*[^.]$/,
    advice: 'correct the options username and password, or those in the URL',
  },
  {
    title: 'a TLS certificate from an unknown authority',
    start: async () =>
      (await startTlsServers(1, new Authority('unknown').issue('server'))).locations[0] as string,
    scheme: 'rediss',
    reason: /^unable to verify the first certificate/,
    advice: 'set tls: { ca } to the authority of the server',
  },
  {
    title: 'a read-only replica',
    start: startReplica,
    reason: /^READONLY .*[^.]$/,
    advice: 'this server is a replica: use the location of the primary',
    servesReads: true,
  },
  {
    title: 'a server at maxmemory with noeviction',
    start: async () => (await startServer('--maxmemory', '1', '--maxmemory-policy', 'noeviction')).location,
    reason: /^OOM .*[^.]$/,
    advice: 'raise maxmemory of the server, or set its maxmemory-policy to allkeys-lru',
    servesReads: true,
  },
];

describe.each(BAD_SERVERS)(
  'advice for $title',
  ({ start, scheme = 'redis', reason, advice, servesReads = false }) => {
    let node: string;

    beforeAll(async () => {
      node = await start();
    });

    function open() {
      const store = openStoreOver(`${scheme}://default:${PASSWORD}@${node}`, {
        namespace: 'bad',
        // The name service may be slow.
        connectTimeoutMs: 25_000,
        commandTimeoutMs: 25_000,
      });
      const downs: unknown[][] = [];
      store.on('node:down', (...args) => downs.push(args));
      return { store, downs };
    }

    function expectAdvice(error: unknown): void {
      const { message, ...rest } = { ...(error as DRedisError), message: (error as DRedisError).message };
      const prefix = servesReads ? `Node ${node} refused a command: ` : `Node ${node} is unavailable: `;
      expect(message.slice(0, prefix.length)).toBe(prefix);
      expect(message).toContain(` (${advice})`);
      expect(message.slice(prefix.length, -` (${advice})`.length)).toMatch(reason);
      expect(rest).toMatchObject({
        code: servesReads ? 'DREDIS_COMMAND_FAILED' : 'DREDIS_NODE_UNAVAILABLE',
        node,
      });
    }

    test("is in the errors of a write and, if the node is down, of 'node:down' and of later calls", async () => {
      const { store, downs } = open();
      const events = errorsOf(store);
      const error = await rejection(store.set('key', 'value'));
      expectAdvice(error);
      expect(events).toEqual([]);
      expect(downs).toHaveLength(servesReads ? 0 : 1);
      for (const [name, reason] of downs) {
        expect(name).toBe(node);
        expectAdvice(reason);
      }
      if (servesReads) expect(await store.get('key')).toBeUndefined();
      else expectAdvice(await rejection(store.get('key')));
    });

    test("is in the only 'error' event of setMany()", async () => {
      const { store } = open();
      const events = errorsOf(store);
      const entries = ['a', 'b', 'c'].map((key) => ({ key, value: 'value' }));
      expect(await store.setMany(entries)).toEqual([false, false, false]);
      expect(events).toHaveLength(1);
      expectAdvice(events[0]);
      const expiring = entries.map((entry) => ({ ...entry, expires: Date.now() + 600_000 }));
      expect(await store.setMany(expiring)).toEqual([false, false, false]);
      expect(events).toHaveLength(2);
      expectAdvice(events[1]);
    });

    test.each(MAJORS)("is in the only 'error' event of %s", async (_title, major) => {
      const keyv = openKeyv(major, { namespace: 'bad' }, open().store);
      expect(await keyv.set('key', 'value')).toBe(false);
      const errors = takeErrors();
      expect(errors).toHaveLength(1);
      expectAdvice(errors[0]);
    });

    test(servesReads ? 'is not needed for connect() and reads' : 'is in the error of connect()', async () => {
      const { store } = open();
      if (servesReads) {
        await store.connect();
        expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined]);
      } else {
        const error = await rejection(store.connect());
        expect(error).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE', nodes: [node] });
        expect(error.message).toContain(`Node ${node} is unavailable: `);
        expect(error.message).toContain(advice);
      }
    });

    test('never contains the password', async () => {
      const { store, downs } = open();
      const all: unknown[] = [store, downs, errorsOf(store)];
      all.push(await rejection(store.set('key', 'value')));
      all.push(await store.connect().catch((error: unknown) => error));
      all.push(await store.clear().catch((error: unknown) => error));
      await store.setMany([{ key: 'key', value: 'value' }]);
      expect(inspect(all, { depth: 20, showHidden: true })).not.toContain(PASSWORD);
      expect(JSON.stringify(all)).not.toContain(PASSWORD);
    });
  },
);

describe('advice for a missing password', () => {
  test.each([
    // With RESP 3, the client sends HELLO first, and the server refuses HELLO. With RESP 2, the server
    // refuses the first command.
    [3, 'is unavailable'],
    [2, 'refused a command'],
  ] as const)('is in the error with RESP %i', async (RESP, verb) => {
    const { location } = await startServer('--requirepass', 'another');
    const store = openStoreOver([location], { clientOptions: { RESP } });
    const { message } = await rejection(store.set('key', 'value'));
    expect(message.startsWith(`Node ${location} ${verb}: NOAUTH `)).toBe(true);
    expect(message.endsWith('(set the option password, or put it into the URL)')).toBe(true);
  });
});

test('the advice for a replica that lost its primary and refuses reads is to use the primary', async () => {
  const primary = await startServer();
  await primary.kill();
  const { locations } = await startServers({
    count: 1,
    args: ['--replicaof', primary.host, `${primary.port}`, '--replica-serve-stale-data', 'no'],
  });
  const { message } = await rejection(openStoreOver(locations).get('key'));
  expect(message.startsWith(`Node ${locations[0]} refused a command: MASTERDOWN `)).toBe(true);
  expect(message.endsWith('(this server is a replica: use the location of the primary)')).toBe(true);
});

test('a replica that becomes the primary accepts writes', async () => {
  const location = await startReplica();
  const store = openStoreOver([location]);
  await rejection(store.set('key', 'value'));
  await ask(location, ['REPLICAOF', 'NO', 'ONE']);
  expect(await store.set('key', 'value')).toBe(true);
});
