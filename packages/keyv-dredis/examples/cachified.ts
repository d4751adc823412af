import { type Cache, type CacheEntry, cachified, totalTtl } from '@epic-web/cachified';
import { Keyv } from 'keyv';
import { DRedisStore } from 'keyv-dredis';

/** Uses cachified with Keyv. The first call computes the value, and the second call reads it from Redis. */
export async function overCachified(locations: string[]): Promise<unknown[]> {
  const keyv = new Keyv<CacheEntry>({ store: new DRedisStore(locations), namespace: 'cachified' });
  const cache: Cache = {
    get: (key) => keyv.get(key),
    set: (key, entry) => keyv.set(key, entry, totalTtl(entry.metadata)),
    delete: (key) => keyv.delete(key),
  };

  let callCount = 0;
  const fetchUser = async () => {
    callCount += 1;
    return { name: 'Ada', call: callCount };
  };
  const loadUser = () => cachified({ key: 'user:1', cache, ttl: 60_000, getFreshValue: fetchUser });
  const users = [await loadUser(), await loadUser()];
  await keyv.clear();
  await keyv.disconnect();
  return users;
}
