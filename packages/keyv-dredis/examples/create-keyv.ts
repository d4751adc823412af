import { createKeyv } from 'keyv-dredis';

/** Creates a Keyv and its store in one call. */
export async function oneCall(locations: string[]): Promise<unknown> {
  const cache = createKeyv(locations, { namespace: 'create-keyv', password: process.env['REDIS_PASSWORD'] });
  await cache.set('user:1', { name: 'Ada' });
  const user = await cache.get('user:1');
  await cache.clear();
  await cache.disconnect();
  return user;
}
