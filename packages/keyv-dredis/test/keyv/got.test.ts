import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import got from 'got';
import { Keyv } from 'keyv5';
import type { DRedisStore } from '../../src/index.js';
import { onCleanUp, openStore, sharedRedis } from '../support/index.js';

const NAMESPACE = 'got';
/** If the `cache` option is a store, `got` creates a Keyv with this namespace. */
const GOTS_NAMESPACE = 'cacheable-request';

let http: Server;
let url: string;
/** The HTTP server's request listener, set by each test. */
let answer: RequestListener;
/** The requests that reached the HTTP server. */
let requests: { readonly path: string; readonly ifNoneMatch: string | undefined }[];
let store: DRedisStore;

beforeAll(async () => {
  http = createServer((request, response) => {
    requests.push({ path: request.url as string, ifNoneMatch: request.headers['if-none-match'] });
    answer(request, response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onCleanUp(async () => {
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/page`;
});

beforeEach(() => {
  requests = [];
  store = openStore();
});

/** Responds with a body that may be cached for a minute. */
const fresh =
  (body: (count: number) => string | Buffer, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60', ...headers }).end(body(requests.length));
  };

/** Resolves after the next write. Needed because `got` returns a response before caching it. */
function nextWrite(store: DRedisStore): Promise<void> {
  return new Promise((resolve, reject) => {
    store.set = (...args) => {
      Reflect.deleteProperty(store, 'set');
      const written = store.set(...args);
      written.then(() => resolve(), reject);
      return written;
    };
  });
}

describe('a store as got’s cache', () => {
  test('answers the second request without asking the server', async () => {
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
    expect(await sharedRedis.keys()).toEqual([`${GOTS_NAMESPACE}:GET:${url}`]);
  });

  test('answers a request from another process', async () => {
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

  /** Requests a page and waits until it is in Redis. */
  async function ask(cache: Keyv, path = ''): Promise<Buffer> {
    const written = nextWrite(store);
    const body = Buffer.from(await got(url + path, { cache }).buffer());
    await written;
    return body;
  }

  test('stores pages in its namespace, spread over all servers', async () => {
    answer = (request, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(`page ${request.url}`);
    };
    const cache = keyvOver(store);
    const paths = Array.from({ length: 40 }, (_, number) => `?number=${number}`);
    for (const path of paths) await ask(cache, path);
    const byServer = await sharedRedis.keysByServer();
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
  ])('returns %s unchanged', async (_what, body, sent, headers) => {
    answer = fresh(() => sent, headers);
    const cache = keyvOver(store);
    expect((await ask(cache)).equals(body)).toBe(true);
    const cached = await got(url, { cache, responseType: 'buffer' });
    expect(cached.isFromCache).toBe(true);
    expect(Buffer.from(cached.body).equals(body)).toBe(true);
    expect(requests).toHaveLength(1);
  });

  test('revalidates with the ETag, and returns the page from Redis after a 304', async () => {
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

  test('requests a stale page again', async () => {
    // The page is 59 seconds old when it arrives, and fresh for 60 seconds.
    answer = fresh((count) => `request ${count}`, { Age: '59' });
    const cache = keyvOver(store);
    await ask(cache);
    await setTimeout(1100);
    expect(String(await ask(cache))).toBe('request 2');
    expect(await sharedRedis.get(`${NAMESPACE}:GET:${url}`)).toContain('"age":"59"');
  });

  test("removes a page from Redis when Keyv's ttl ends", async () => {
    answer = fresh((count) => `request ${count}`);
    const lasting = keyvOver(store, { ttl: 60_000 });
    await ask(lasting, '/lasting');
    expect(await sharedRedis.ttlMs(`${NAMESPACE}:GET:${url}/lasting`)).toBeGreaterThan(50_000);
    const brief = keyvOver(store, { ttl: 50 });
    await ask(brief, '/brief');
    await setTimeout(60);
    expect(await sharedRedis.keys()).toEqual([`${NAMESPACE}:GET:${url}/lasting`]);
    expect(String(await ask(brief, '/brief'))).toBe('request 3');
  });

  test('does not store a page that is sent with no-store', async () => {
    answer = (_request, response) => {
      response.setHeader('Cache-Control', 'no-store').end(`request ${requests.length}`);
    };
    const cache = keyvOver(store);
    await got(url, { cache });
    expect(await got(url, { cache }).text()).toBe('request 2');
    expect(await sharedRedis.keys()).toEqual([]);
  });
});

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
}
