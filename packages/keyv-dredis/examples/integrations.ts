import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import got from 'got';
import { DRedisStore } from 'keyv-dredis';
import { Keyv, KeyvHooks } from 'keyv5';

/** The libraries that keep their caches in a Keyv, or in a store of one. */
export async function integrations(locations: string[]): Promise<unknown[]> {
  const cacheable = new Cacheable({ secondary: new DRedisStore(locations), namespace: 'app' });
  await cacheable.set('user:1', 'Ada', '1m');

  const manager = createCache({
    stores: [new Keyv({ store: new DRedisStore(locations), namespace: 'pages' })],
  });
  const page = await manager.wrap('home', async () => '<h1>home</h1>', 60_000);

  const store = new DRedisStore(locations);
  const cache = new Keyv({ store, namespace: 'http', ttl: 86_400_000 }); // got itself lets nothing expire
  const client = got.extend({ cache });
  // got hands out a response before it is stored.
  const stored = new Promise((resolve) => cache.hooks.addHandler(KeyvHooks.POST_SET, resolve));
  const seen = await askTwice(client, stored);

  await Promise.all([cacheable.clear(), manager.clear(), cache.clear()]);
  await Promise.all([cacheable.disconnect(), manager.disconnect(), cache.disconnect()]);
  return [page, ...seen];
}

/** Asks a server that counts its requests for the same page twice. */
async function askTwice(client: typeof got, stored: Promise<unknown>): Promise<string[]> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.setHeader('Cache-Control', 'max-age=60').end(`request ${requests}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const first = await client(url).text();
  await stored;
  const bodies = [first, await client(url).text()];
  await new Promise((resolve) => server.close(resolve));
  return bodies;
}
