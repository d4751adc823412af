import { createCache } from 'cache-manager';
import { DRedisStore } from 'keyv-dredis';
import { Keyv } from 'keyv5';

/** Computes a value once, and reads it from Redis afterwards. */
export async function overCacheManager(locations: string[]): Promise<unknown> {
  const store = new DRedisStore(locations);
  const cache = createCache({ stores: [new Keyv({ store, namespace: 'pages' })] });
  const page = await cache.wrap('home', async () => '<h1>home</h1>', 60_000);
  await cache.clear();
  await cache.disconnect();
  return page;
}
