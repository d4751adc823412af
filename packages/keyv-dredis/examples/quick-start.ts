import { Keyv } from 'keyv';
import { createKeyv, DRedisStore } from 'keyv-dredis';

/** A cache over several servers: values in, values out, and where failures are told. */
export async function quickStart(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations, { password: process.env['REDIS_PASSWORD'] });
  const cache = new Keyv({ store, namespace: 'app' });
  cache.on('error', (error) => console.error(error.code, error.node, error.message));

  await cache.set('user:1', { name: 'Ada' }, 60_000); // milliseconds
  await cache.get('user:1');
  await cache.getMany(['user:1', 'user:2']);
  const seen = await cache.getMany(['user:1', 'user:2']);
  await store.disconnect();

  // The same in one go, as every official adapter has it:
  const shortcut = createKeyv(locations, { namespace: 'app' });
  seen.push(await shortcut.get('user:1'));
  await shortcut.clear();
  await shortcut.disconnect();
  return seen;
}
