import { DRedisStore } from 'keyv-dredis';

/** Finds the server that owns a key, and sends it Redis commands that Keyv does not offer. */
export async function anyCommand(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations, { namespace: 'any-command' });
  const { client, key } = store.locate('hits');
  await client.del(key);
  const hits = await client.incr(key); // a counter

  const lock = store.locate('lock');
  const nx = { condition: 'NX', expiration: { type: 'PX', value: 5000 } } as const;
  const added = await lock.client.set(lock.key, '1', nx); // add if absent
  const addedAgain = await lock.client.set(lock.key, '2', nx);

  const touched = await client.pExpire(key, 60_000); // touch
  await store.clear();
  await store.disconnect();
  return [hits, added, addedAgain, touched];
}
