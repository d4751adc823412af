import { Cacheable } from 'cacheable';
import { DRedisStore } from 'keyv-dredis';

/** Uses memory as the first cache level, and Redis as the second level. */
export async function overCacheable(locations: string[]): Promise<unknown> {
  const cache = new Cacheable({ secondary: new DRedisStore(locations), namespace: 'cacheable' });
  await cache.set('user:1', { name: 'Ada' }, '1m');
  const user = await cache.get('user:1');
  await cache.clear();
  await cache.disconnect();
  return user;
}
