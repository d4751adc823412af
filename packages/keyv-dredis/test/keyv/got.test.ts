import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import got from 'got';
import { Keyv } from 'keyv5';
import { DRedisStore } from '../../src/index.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';

const NAMESPACE = 'got-test';
/** What got calls its keys, unless it is handed a Keyv. */
const GOTS_NAMESPACE = 'cacheable-request';
/** Others clear got's own namespace in the database that all share. */
const DATABASE = 7;

let redis: PlainServers;
let http: Server;
let url: string;
/** Does the answering; a test sets its own. */
let answer: RequestListener;
/** The requests that reached the HTTP server. */
let requests: { readonly path: string; readonly ifNoneMatch: string | undefined }[];
let store: DRedisStore;
const stores: DRedisStore[] = [];

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations(), DATABASE);
  http = createServer((request, response) => {
    requests.push({ path: request.url as string, ifNoneMatch: request.headers['if-none-match'] });
    answer(request, response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/page`;
});

beforeEach(() => {
  requests = [];
  store = openStore();
});

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all([redis.remove(NAMESPACE), redis.remove(GOTS_NAMESPACE)]);
});

afterAll(async () => {
  await redis?.close();
  http.closeAllConnections();
  http.close();
  await once(http, 'close');
});

function openStore(): DRedisStore {
  const store = new DRedisStore(sharedLocations(), { database: DATABASE });
  stores.push(store);
  return store;
}

/** Answers with a body that may be kept for a minute. */
const fresh =
  (body: (count: number) => string | Buffer, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60', ...headers }).end(body(requests.length));
  };

/** got hands out a response before it is in the cache: resolves when the next write is done. */
function nextWrite(to: DRedisStore): Promise<void> {
  return new Promise((resolve, reject) => {
    to.set = (...args) => {
      Reflect.deleteProperty(to, 'set');
      const written = to.set(...args);
      written.then(() => resolve(), reject);
      return written;
    };
  });
}

describe('a store as got’s cache', () => {
  test('answers the second request, which does not reach the server', async () => {
    answer = fresh((count) => `request ${count}`, { 'X-Own': 'value' });
    const client = got.extend({ cache: store });
    const written = nextWrite(store);
    const first = await client(url);
    await written;
    const second = await client(url);
    expect([first.body, second.body]).toEqual(['request 1', 'request 1']);
    expect([first.isFromCache, second.isFromCache]).toEqual([false, true]);
    expect(second.statusCode).toBe(200);
    expect(second.headers['x-own']).toBe('value');
    expect(requests).toHaveLength(1);
    expect(await redis.keys(GOTS_NAMESPACE)).toEqual([`${GOTS_NAMESPACE}:GET:${url}`]);
  });

  test('answers another process as well', async () => {
    answer = fresh((count) => `request ${count}`);
    const written = nextWrite(store);
    await got(url, { cache: store });
    await written;
    expect(await got(url, { cache: openStore() }).text()).toBe('request 1');
    expect(requests).toHaveLength(1);
  });
});

describe('a Keyv over a store as got’s cache', () => {
  const keyvOver = (store: DRedisStore, options = {}) =>
    new Keyv({ store, namespace: NAMESPACE, ...options });

  /** Asks, and waits until the answer is in Redis. */
  async function ask(cache: Keyv, path = ''): Promise<Buffer> {
    const written = nextWrite(store);
    const body = Buffer.from(await got(url + path, { cache }).buffer());
    await written;
    return body;
  }

  test('keeps pages under its namespace, each on the server that its address belongs to', async () => {
    answer = (request, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(`page ${request.url}`);
    };
    const cache = keyvOver(store);
    const paths = Array.from({ length: 40 }, (_, number) => `?number=${number}`);
    for (const path of paths) await ask(cache, path);
    const byServer = await redis.keysByServer(NAMESPACE);
    expect(byServer.flat().sort()).toEqual(paths.map((path) => `${NAMESPACE}:GET:${url}${path}`).sort());
    for (const keys of byServer) expect(keys.length).toBeGreaterThan(0);
    const again = await Promise.all(paths.map((path) => got(url + path, { cache }).text()));
    expect(again).toEqual(paths.map((path) => `page /page${path}`));
    expect(requests).toHaveLength(40);
  });

  test.each<[string, Buffer, Buffer, Record<string, string>]>([
    ['every byte', everyByte(), everyByte(), { 'Content-Type': 'application/octet-stream' }],
    ['an empty body', Buffer.alloc(0), Buffer.alloc(0), {}],
    ['a compressed body', everyByte(), gzipSync(everyByte()), { 'Content-Encoding': 'gzip' }],
    ['a megabyte', Buffer.alloc(2 ** 20, everyByte()), Buffer.alloc(2 ** 20, everyByte()), {}],
  ])('%s comes back as it was', async (_what, body, sent, headers) => {
    answer = fresh(() => sent, headers);
    const cache = keyvOver(store);
    expect((await ask(cache)).equals(body)).toBe(true);
    const cached = await got(url, { cache, responseType: 'buffer' });
    expect(cached.isFromCache).toBe(true);
    expect(Buffer.from(cached.body).equals(body)).toBe(true);
    expect(requests).toHaveLength(1);
  });

  test('what must be asked for again is asked for by its ETag, and a 304 is answered from Redis', async () => {
    let etag = '"1"';
    answer = (request, response) => {
      response.setHeader('Cache-Control', 'no-cache').setHeader('ETag', etag);
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.end(`body of ${etag}`);
    };
    const cache = keyvOver(store);
    expect(String(await ask(cache))).toBe('body of "1"');
    expect(String(await ask(cache))).toBe('body of "1"');
    etag = '"2"';
    expect(String(await ask(cache))).toBe('body of "2"');
    expect(String(await ask(cache))).toBe('body of "2"');
    expect(requests.map(({ ifNoneMatch }) => ifNoneMatch)).toEqual([undefined, '"1"', '"1"', '"2"']);
  });

  test('a page that is no longer fresh is asked for again', async () => {
    // 59 seconds old when it comes, and good for 60.
    answer = fresh((count) => `request ${count}`, { Age: '59' });
    const cache = keyvOver(store);
    await ask(cache);
    await setTimeout(1100);
    expect(String(await ask(cache))).toBe('request 2');
    expect(await redis.get(`${NAMESPACE}:GET:${url}`)).toContain('"age":"59"');
  });

  test('with a time to live, Redis forgets a page in time', async () => {
    answer = fresh((count) => `request ${count}`);
    const lasting = keyvOver(store, { ttl: 60_000 });
    await ask(lasting, '/lasting');
    expect(await redis.ttlMs(`${NAMESPACE}:GET:${url}/lasting`)).toBeGreaterThan(50_000);
    const brief = keyvOver(store, { ttl: 50 });
    await ask(brief, '/brief');
    await setTimeout(60);
    expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:GET:${url}/lasting`]);
    expect(String(await ask(brief, '/brief'))).toBe('request 3');
  });

  test('what may not be kept is not', async () => {
    answer = (_request, response) => {
      response.setHeader('Cache-Control', 'no-store').end(`request ${requests.length}`);
    };
    const cache = keyvOver(store);
    await got(url, { cache });
    expect(await got(url, { cache }).text()).toBe('request 2');
    expect(await redis.keys(NAMESPACE)).toEqual([]);
  });
});

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
}
