import { Keyv } from 'keyv';
import type { Locations } from './config/locations.js';
import type { DRedisStoreOptions } from './config/options.js';
import { DRedisStore } from './dredis-store.js';

/**
 * A Keyv over a new {@link DRedisStore}, as every official adapter offers it. The store alone adds the
 * namespace to keys, so that Keyv 5 passes every key unchanged, also one that begins with `namespace:`.
 *
 * @throws InvalidOptionError for a location or an option that is not allowed
 */
export function createKeyv(locations?: Locations, options: DRedisStoreOptions = {}): Keyv {
  const store = new DRedisStore(locations, { ...options, useKeyPrefix: false });
  // Keyv 6 has no useKeyPrefix, and never prefixes.
  const keyvOptions = { store, namespace: options.namespace, useKeyPrefix: false };
  return new Keyv(keyvOptions as ConstructorParameters<typeof Keyv>[0]);
}
