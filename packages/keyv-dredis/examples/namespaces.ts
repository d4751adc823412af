import { Keyv } from 'keyv';
import { DRedisStore } from 'keyv-dredis';

/** Uses several namespaces over the same connections. Clearing one namespace does not affect the others. */
export async function namespaces(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations);
  const users = new Keyv({ store: store.withNamespace('users'), namespace: 'users' });
  const pages = new Keyv({ store: store.withNamespace('pages'), namespace: 'pages' });
  await users.set('1', 'Ada');
  await pages.set('1', '<h1>Ada</h1>');
  await pages.clear();
  const values = [await users.get('1'), await pages.get('1')];
  await users.clear();
  await store.disconnect();
  return values;
}
