import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import {
  DRedisStore,
  type DRedisStoreOptions,
  type Locations,
  NodeUnavailableError,
} from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import { expectEveryOperation } from '../support/every-operation.js';
import { MAJORS, makeKeyv } from '../support/keyvs.js';
import { errorsOf, nextEvent, rejection } from '../support/stores.js';
import { type StubServer, stubServer } from '../support/stub-server.js';
import { startTls } from '../support/tls-servers.js';

const PASSPHRASE = 'passphrase-zq9zq9';

const authority = new Authority('servers');
const clients = new Authority('clients');
const { cert: ca } = authority;
const client = clients.issue('client');
const sealed = clients.issue('client', { passphrase: PASSPHRASE });

/** Two servers that take any client, and one that takes those with a certificate. */
let open: RedisServers;
let mutual: RedisServers;
let plain: RedisServers;
/** Answers a TLS handshake in words. */
let http: StubServer;
let server: RedisServer;
let strict: RedisServer;
const stores: DRedisStore[] = [];

beforeAll(async () => {
  const certificate = authority.issue('server');
  open = await startTls(2, certificate);
  mutual = await startTls(1, certificate, clients.cert);
  plain = await startRedis({ count: 1 });
  http = await stubServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  server = open.servers[0] as RedisServer;
  strict = mutual.servers[0] as RedisServer;
});

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
});

afterAll(() => Promise.all([open, mutual, plain, http].map((servers) => servers?.stop())));

function makeStore(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  // How long a handshake takes on a busy machine is not the point.
  const deadlines = { connectTimeoutMs: 25_000, commandTimeoutMs: 25_000 };
  const store = new DRedisStore(locations, { ...deadlines, ...options });
  stores.push(store);
  return store;
}

describe.each(MAJORS)('%s does over TLS all that it does without', (_title, major) => {
  test.each<[string, () => DRedisStore]>([
    ['with an authority of our own', () => makeStore(open.locations, { tls: { ca } })],
    [
      'to servers that want a client certificate, and others, by rediss:// URLs',
      () =>
        makeStore(
          [...open.locations, strict.location].map((location) => `rediss://${location}`),
          { tls: { ca, ...client } },
        ),
    ],
    [
      'each server by its own rules, and one without TLS',
      () =>
        makeStore(
          [
            server.location,
            { host: strict.host, port: strict.port, tls: { ca, ...client } },
            { url: `redis://${plain.locations[0]}`, tls: false },
          ],
          { tls: { ca } },
        ),
    ],
  ])('%s', async (_name, make) => {
    const store = make();
    const errors: unknown[] = [];
    const keyv = makeKeyv(major, store, { namespace: `tls-${major}` });
    keyv.on('error', (error) => errors.push(error));
    await expectEveryOperation(keyv, major);
    expect(errors).toEqual([]);
  });
});

describe('TLS is asked for', () => {
  test.each<[string, () => DRedisStore]>([
    ['by an option of the store', () => makeStore(server.location, { tls: { ca } })],
    ['by that and redis://', () => makeStore(`redis://${server.location}`, { tls: { ca } })],
    ['by rediss:// and an option', () => makeStore(`rediss://${server.location}`, { tls: { ca } })],
    ['by an option of the location', () => makeStore([{ port: server.port, tls: { ca } }])],
    ['by that and a URL', () => makeStore([{ url: `rediss://${server.location}`, tls: { ca } }])],
    [
      'by an option of the location over that of the store',
      () => makeStore([{ url: `rediss://${server.location}`, tls: { ca } }], { tls: { ca: clients.cert } }),
    ],
    ['by the name of a host', () => makeStore(`rediss://localhost:${server.port}`, { tls: { ca } })],
    [
      'with a password on the key',
      () => makeStore(strict.location, { tls: { ca, ...sealed, passphrase: PASSPHRASE } }),
    ],
    [
      'without a look at the certificate',
      () => makeStore(server.location, { tls: { rejectUnauthorized: false } }),
    ],
  ])('%s', async (_name, make) => {
    const store = make();
    await store.connect();
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
  });

  test('and again after the server was away', async () => {
    await using redis = await startTls(1, authority.issue('server'), clients.cert);
    const [server] = redis.servers as [RedisServer];
    const store = makeStore(server.location, { tls: { ca, ...client } });
    await store.connect();
    const down = nextEvent(store, 'node:down');
    await server.kill();
    await down;
    const up = nextEvent(store, 'node:up');
    await server.start();
    await up;
    expect(await store.set('key', 'value')).toBe(true);
  });
});

describe('a connection is refused, for one reason that is told with what to do', () => {
  const CA = 'set tls: { ca } to the authority of the server';
  const CLIENT = 'tls: { cert, key }';

  test.each<[string, () => DRedisStore, reason: RegExp, advice: string]>([
    [
      'an authority that nobody knows',
      () => makeStore(`rediss://${server.location}`),
      /unable to verify the first certificate/,
      CA,
    ],
    [
      'another authority',
      () => makeStore(server.location, { tls: { ca: clients.cert } }),
      /unable to verify the first certificate/,
      CA,
    ],
    [
      'another authority of the same name',
      () => makeStore(server.location, { tls: { ca: new Authority('servers').cert } }),
      /certificate signature failure/,
      CA,
    ],
    [
      'a client without a certificate',
      () => makeStore(strict.location, { tls: { ca } }),
      /certificate required|closed the connection/,
      CLIENT,
    ],
    [
      'a client whose certificate is of another authority',
      () => makeStore(strict.location, { tls: { ca, ...authority.issue('client') } }),
      /unknown ca|closed the connection/,
      CLIENT,
    ],
    [
      'a client without a certificate, in TLS 1.2',
      () => makeStore(strict.location, { tls: { ca, maxVersion: 'TLSv1.2' } }),
      /handshake failure|closed the connection/,
      CLIENT,
    ],
    [
      'a key whose password is wrong',
      () => makeStore(strict.location, { tls: { ca, ...sealed, passphrase: `not ${PASSPHRASE}` } }),
      /bad decrypt/,
      'correct ca, cert, key or passphrase in tls',
    ],
    [
      'what is no certificate',
      () => makeStore(strict.location, { tls: { ca, ...client, cert: 'certificate' } }),
      /no start line/,
      'correct ca, cert, key or passphrase in tls',
    ],
    [
      'a server that wants TLS, and a client that does not',
      () => makeStore(server.location),
      /closed the connection before the greeting/,
      'is it a Redis server, and does it require TLS?',
    ],
    [
      'a server without TLS',
      () => makeStore(plain.locations, { tls: true, connectTimeoutMs: 100 }),
      /no TLS handshake within 100 ms/,
      'connectTimeoutMs; does the server speak TLS?',
    ],
    [
      'a server without TLS that has an answer',
      () => makeStore(`rediss://${http.location}`),
      /wrong version number|packet length too long/,
      'if the server does not speak TLS, use redis:// and no tls',
    ],
  ])('%s', async (_name, make, reason, advice) => {
    const store = make();
    const [node] = store.nodes as [string];
    const events = errorsOf(store);
    const downs: string[] = [];
    store.on('node:down', (name) => downs.push(name));

    const error = await rejection(store.set('key', 'value'));
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error.message).toMatch(reason);
    expect(error.message.startsWith(`Node ${node} is unavailable: `)).toBe(true);
    expect(error.message.replace(/.*\(/, '(')).toContain(advice);
    expect(error.message).not.toMatch(/\n|\.c:/);
    expect({ events, downs }).toEqual({ events: [], downs: [node] });
    const shown = inspect([error, store], { depth: 20, showHidden: true });
    expect(shown).not.toMatch(new RegExp(`${PASSPHRASE}|PRIVATE KEY`));
  });

  test.each<[string, options: Parameters<Authority['issue']>[1], reason: RegExp, advice: string]>([
    [
      'a certificate of another host',
      { hosts: ['elsewhere.example'] },
      /does not match certificate's altnames/,
      '(use a host name of the certificate, or set tls: { servername })',
    ],
    [
      'a certificate that has expired',
      { days: -1 },
      /certificate has expired/,
      '(renew the certificate of the server, or set the clocks right)',
    ],
  ])('%s', async (_name, options, reason, advice) => {
    await using wrong = await startTls(1, authority.issue('wrong', options));
    const store = makeStore(wrong.locations, { tls: { ca } });
    const error = await rejection(store.set('key', 'value'));
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: wrong.locations[0] });
    expect(error.message).toMatch(reason);
    expect(error.message).toContain(advice);
    if (options?.hosts !== undefined) {
      const named = makeStore(wrong.locations, { tls: { ca, servername: options.hosts[0] as string } });
      expect(await named.set('key', 'value')).toBe(true);
    }
  });
});
