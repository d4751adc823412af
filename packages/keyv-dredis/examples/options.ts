import { DRedisStore } from 'keyv-dredis';
import { createClient } from 'redis';

/** Shows the options, and a location that is a function. @returns the key that each store wrote */
export async function options(location: string, credentials: object = {}): Promise<string[]> {
  const { username, password } = { username: 'default', password: undefined, ...credentials };
  const remote = new DRedisStore(location, {
    namespace: 'app',
    database: 1,
    username,
    password,
    clientOptions: { RESP: 2, socket: { keepAlive: true } },
  });

  const impatient = new DRedisStore(location, { connectTimeoutMs: 1000, commandTimeoutMs: 250 });

  const available = new DRedisStore(location, {
    nodeDownPolicy: 'failover',
    leaseMs: 500,
    restartPolicy: 'purge',
  });

  const fixed = new DRedisStore(location, { topology: 'fixed' });

  const smallPages = new DRedisStore(location, { maxBatchSize: 100, scanCount: 200 });

  const raw = new DRedisStore(location, { keyFormat: 'raw', ownsDatabase: true, database: 2 });

  const url = `redis://${location}`;
  const factory = new DRedisStore([{ name: 'cache-1', client: () => createClient({ url }) }]);

  const keys: string[] = [];
  for (const store of [remote, impatient, available, fixed, smallPages, raw, factory]) {
    await store.set('options', 'value', Date.now() + 60_000);
    keys.push(store.locate('options').key);
    await store.disconnect();
  }
  return keys;
}
