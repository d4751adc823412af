import { Keyv } from 'keyv';
import { DRedisStore } from 'keyv-dredis';

/** Reads entries that @keyv/redis has written without a namespace. Their keys have no prefix in Redis. */
export async function rawKeys(locations: readonly string[]): Promise<unknown> {
  const cache = new Keyv({ store: new DRedisStore(locations, { keyFormat: 'raw' }) });
  const user = await cache.get('user:1');
  await cache.disconnect();
  return user;
}

/** Changes from one server to several servers. @returns how many of 1,000 keys are still hits */
export async function fromOneToSeveral(locations: string[]): Promise<number> {
  const store = new DRedisStore(locations[0], { namespace: 'migrating' });
  const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  await store.setMany(keys.map((key) => ({ key, value: 'value' })));

  await store.updateNodes(locations);

  const values = await store.getMany(keys);
  await store.clear();
  await store.disconnect();
  return values.filter((value) => value !== undefined).length;
}
