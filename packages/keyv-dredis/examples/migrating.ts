import { Keyv } from 'keyv';
import { createKeyv, DRedisStore } from 'keyv-dredis';

/** Reads an entry that @keyv/redis has written with the namespace `app`. */
export async function fromKeyvRedis(location: string): Promise<unknown> {
  const store = new DRedisStore(location, { keyFormat: 'keyv-redis' });
  const cache = new Keyv({ store, namespace: 'app' });
  const user = await cache.get('user:1');
  await cache.disconnect();
  return user;
}

/** Reads an entry that createKeyv() of @keyv/redis has written with the namespace `app`. */
export async function fromCreateKeyv(location: string): Promise<unknown> {
  const connection = { url: `redis://${location}`, socket: { connectTimeout: 1000, keepAlive: true } };
  const cache = createKeyv(connection, { namespace: 'app', keyFormat: 'keyv-redis' });
  const user = await cache.get('user:1');
  await cache.disconnect();
  return user;
}

/** Changes from one server to several servers. @returns how many of 1,000 keys are still hits */
export async function fromOneToSeveral(locations: string[]): Promise<number> {
  const store = new DRedisStore(locations[0], { namespace: 'migrating' });
  const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  await store.setMany(keys.map((key) => ({ key, value: 'value' })));

  await store.reshard(locations);

  const values = await store.getMany(keys);
  await store.clear();
  await store.disconnect();
  return values.filter((value) => value !== undefined).length;
}
