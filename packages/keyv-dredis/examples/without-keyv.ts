import { DRedisStore } from 'keyv-dredis';

/** Uses the store without Keyv: with strings, Buffers and absolute expiries. */
export async function withoutKeyv(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations, { namespace: 'without-keyv' });
  await store.set('greeting', 'hello', Date.now() + 60_000);
  await store.set('image', Buffer.from([0xff, 0xd8]));
  const values = await store.getMany(['greeting', 'image', 'nothing']);
  await store.clear();
  await store.disconnect();
  return values;
}
