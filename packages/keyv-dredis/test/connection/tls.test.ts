import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import {
  type DRedisStore,
  type DRedisStoreOptions,
  type Locations,
  NodeUnavailableError,
} from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import {
  errorsOf,
  expectEveryOperation,
  MAJORS,
  nextEvent,
  openKeyv,
  openStoreOver,
  rejection,
  type StubServer,
  startServer,
  startStub,
  startTlsServers,
} from '../support/index.js';

const PASSPHRASE = 'passphrase-zq9zq9';

const authority = new Authority('servers');
const clientAuthority = new Authority('clients');
const { cert: ca } = authority;
const client = clientAuthority.issue('client');
const encrypted = clientAuthority.issue('client', { passphrase: PASSPHRASE });

/** Two servers that accept any client. */
let tls: RedisServers;
let server: RedisServer;
/** Requires a client certificate. */
let mutual: RedisServer;
let plain: RedisServer;
/** Answers a TLS handshake with plain text. */
let http: StubServer;

beforeAll(async () => {
  const certificate = authority.issue('server');
  tls = await startTlsServers(2, certificate);
  [server] = tls.servers as [RedisServer];
  [mutual] = (await startTlsServers(1, certificate, clientAuthority.cert)).servers as [RedisServer];
  plain = await startServer();
  http = await startStub((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
});

/** Opens a store with deadlines long enough for a TLS handshake on a loaded machine. */
const open = (locations: Locations, options?: DRedisStoreOptions) =>
  openStoreOver(locations, { connectTimeoutMs: 25_000, commandTimeoutMs: 25_000, ...options });

describe.each(MAJORS)('every operation of %s over TLS works', (_title, major) => {
  test.each<[string, () => DRedisStore]>([
    ['with a private certificate authority', () => open(tls.locations, { tls: { ca } })],
    [
      'with rediss:// URLs, for servers that do and do not require a client certificate',
      () =>
        open(
          [...tls.locations, mutual.location].map((location) => `rediss://${location}`),
          { tls: { ca, ...client } },
        ),
    ],
    [
      'with different tls options per server, and one server without TLS',
      () =>
        open(
          [
            server.location,
            { host: mutual.host, port: mutual.port, tls: { ca, ...client } },
            { url: `redis://${plain.location}`, tls: false },
          ],
          { tls: { ca } },
        ),
    ],
  ])('%s', async (_name, make) => {
    await expectEveryOperation(openKeyv(major, { namespace: `tls-${major}` }, make()), major);
  });
});

describe('a store connects over TLS', () => {
  test.each<[string, () => DRedisStore]>([
    ["with the store's tls option", () => open(server.location, { tls: { ca } })],
    [
      "with the store's tls option and a redis:// URL",
      () => open(`redis://${server.location}`, { tls: { ca } }),
    ],
    [
      "with the store's tls option and a rediss:// URL",
      () => open(`rediss://${server.location}`, { tls: { ca } }),
    ],
    ["with a location's tls option", () => open([{ port: server.port, tls: { ca } }])],
    [
      "with a location's tls option and a rediss:// URL",
      () => open([{ url: `rediss://${server.location}`, tls: { ca } }]),
    ],
    [
      "with a location's tls option, which overrides the store's tls option",
      () =>
        open([{ url: `rediss://${server.location}`, tls: { ca } }], { tls: { ca: clientAuthority.cert } }),
    ],
    ['with a host name', () => open(`rediss://localhost:${server.port}`, { tls: { ca } })],
    [
      'with an encrypted client key and its passphrase',
      () => open(mutual.location, { tls: { ca, ...encrypted, passphrase: PASSPHRASE } }),
    ],
    [
      'without verifying the certificate',
      () => open(server.location, { tls: { rejectUnauthorized: false } }),
    ],
    [
      'with a rediss:// URL, without verifying the certificate',
      () => open(`rediss://${server.location}`, { tls: { rejectUnauthorized: false } }),
    ],
  ])('%s', async (_name, make) => {
    const store = make();
    await store.connect();
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
  });

  test('again after the server was killed and restarted', async () => {
    const redis = await startTlsServers(1, authority.issue('server'), clientAuthority.cert);
    const [server] = redis.servers as [RedisServer];
    const store = open(server.location, { tls: { ca, ...client } });
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

describe('the error of a failed TLS connection says why and how to fix it for', () => {
  const CA = 'set tls: { ca } to the authority of the server';
  const CLIENT_CERTIFICATE = 'tls: { cert, key }';

  test.each<[string, () => DRedisStore, reason: RegExp, advice: string]>([
    [
      'an unknown authority',
      () => open(`rediss://${server.location}`),
      /unable to verify the first certificate/,
      CA,
    ],
    [
      'another authority',
      () => open(server.location, { tls: { ca: clientAuthority.cert } }),
      /unable to verify the first certificate/,
      CA,
    ],
    [
      'another authority with the same name',
      () => open(server.location, { tls: { ca: new Authority('servers').cert } }),
      /certificate signature failure/,
      CA,
    ],
    [
      'a client without a certificate',
      () => open(mutual.location, { tls: { ca } }),
      /certificate required|closed the connection/,
      CLIENT_CERTIFICATE,
    ],
    [
      'a client certificate from another authority',
      () => open(mutual.location, { tls: { ca, ...authority.issue('client') } }),
      /unknown ca|closed the connection/,
      CLIENT_CERTIFICATE,
    ],
    [
      'a client without a certificate, with TLS 1.2',
      () => open(mutual.location, { tls: { ca, maxVersion: 'TLSv1.2' } }),
      /handshake failure|closed the connection/,
      CLIENT_CERTIFICATE,
    ],
    [
      'a wrong passphrase',
      () => open(mutual.location, { tls: { ca, ...encrypted, passphrase: `not ${PASSPHRASE}` } }),
      /bad decrypt/,
      'correct ca, cert, key or passphrase in tls',
    ],
    [
      'text that is not a certificate',
      () => open(mutual.location, { tls: { ca, ...client, cert: 'certificate' } }),
      /no start line/,
      'correct ca, cert, key or passphrase in tls',
    ],
    [
      'a store without TLS and a server with TLS',
      () => open(server.location),
      /closed the connection before the greeting/,
      'is it a Redis server, and does it require TLS?',
    ],
    [
      'a server without TLS that does not answer',
      () => open(plain.location, { tls: true, connectTimeoutMs: 100 }),
      /no TLS handshake within 100 ms/,
      'connectTimeoutMs; does the server speak TLS?',
    ],
    [
      'a server without TLS that answers in plain text',
      () => open(`rediss://${http.location}`),
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
      'a certificate for another host',
      { hosts: ['elsewhere.example'] },
      /does not match certificate's altnames/,
      '(use a host name of the certificate, or set tls: { servername })',
    ],
    [
      'an expired certificate',
      { days: -1 },
      /certificate has expired/,
      '(renew the certificate of the server, or set the clocks right)',
    ],
  ])('%s', async (_name, options, reason, advice) => {
    const wrong = await startTlsServers(1, authority.issue('wrong', options));
    const store = open(wrong.locations, { tls: { ca } });
    const error = await rejection(store.set('key', 'value'));
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: wrong.locations[0] });
    expect(error.message).toMatch(reason);
    expect(error.message).toContain(advice);
    if (options?.hosts !== undefined) {
      const named = open(wrong.locations, { tls: { ca, servername: options.hosts[0] as string } });
      expect(await named.set('key', 'value')).toBe(true);
    }
  });
});
