import { DRedisStore } from 'keyv-dredis';

/** Uses TLS with a private certificate authority and a client certificate. */
export async function overTls(
  locations: string[],
  { ca, cert, key }: { ca: string; cert: string; key: string },
): Promise<unknown> {
  const store = new DRedisStore(locations, { tls: { ca, cert, key } });
  await store.set('greeting', 'hello');
  const greeting = await store.get('greeting');
  await store.disconnect();
  return greeting;
}
