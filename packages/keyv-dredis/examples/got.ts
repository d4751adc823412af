import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import got from 'got';
import { DRedisStore } from 'keyv-dredis';
import { Keyv, KeyvHooks } from 'keyv5';

/** Caches HTTP responses for as long as their headers allow. */
export async function overGot(locations: string[]): Promise<string[]> {
  const store = new DRedisStore(locations);
  const cache = new Keyv({ store, namespace: 'http', ttl: 86_400_000 }); // got sets no expiry
  const client = got.extend({ cache });

  // got returns a response before it has stored it.
  const stored = new Promise((resolve) => cache.hooks.addHandler(KeyvHooks.POST_SET, resolve));
  const bodies = await requestTwice(client, stored);
  await cache.clear();
  await cache.disconnect();
  return bodies;
}

/** Requests one page twice from a server that counts requests. */
async function requestTwice(client: typeof got, stored: Promise<unknown>): Promise<string[]> {
  let requestCount = 0;
  const server = createServer((_request, response) => {
    requestCount += 1;
    response.setHeader('Cache-Control', 'max-age=60').end(`request ${requestCount}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const first = await client(url).text();
  await stored;
  const second = await client(url).text();
  await new Promise((resolve) => server.close(resolve));
  return [first, second];
}
