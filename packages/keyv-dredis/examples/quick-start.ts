import { Keyv } from 'keyv';
import { DRedisStore } from 'keyv-dredis';

/** A cache over several servers. */
export async function quickStart(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations);
  const cache = new Keyv({ store, namespace: 'app' });
  cache.on('error', (error) => console.error(error.code, error.node, error.message));

  await cache.set('user:1', { name: 'Ada' }, 60_000); // milliseconds
  await cache.get('user:1'); // { name: 'Ada' }
  const users = await cache.getMany(['user:1', 'user:2']); // [{ name: 'Ada' }, undefined]

  await cache.clear();
  await cache.disconnect();
  return users;
}
