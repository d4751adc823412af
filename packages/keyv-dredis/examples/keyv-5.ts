import { DRedisStore } from 'keyv-dredis';
import { Keyv } from 'keyv5';

/** Uses the store with Keyv 5. */
export async function underKeyv5(locations: string[]): Promise<unknown> {
  const store = new DRedisStore(locations, { namespace: 'keyv-5' });
  const cache = new Keyv({ store, namespace: 'keyv-5' });
  await cache.set('user:1', { name: 'Ada' }, 60_000);
  const user = await cache.get('user:1');
  await cache.clear();
  await cache.disconnect();
  return user;
}
