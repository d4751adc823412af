import { Keyv } from 'keyv';
import type { Locations } from './config/locations.js';
import type { DRedisStoreOptions } from './config/options.js';
import { DRedisStore } from './dredis-store.js';

/**
 * Creates a Keyv over a new {@link DRedisStore}, like `createKeyv` of the official adapters. Only the store
 * adds the namespace to keys, and Keyv does not. So Keyv 5 passes every key unchanged, even a key that begins
 * with `namespace:`.
 *
 * @throws InvalidOptionError if a location or an option is not allowed
 */
export function createKeyv(locations?: Locations, options: DRedisStoreOptions = {}): Keyv {
  const store = new DRedisStore(locations, { ...options, useKeyPrefix: false });
  // Keyv 6 has no useKeyPrefix and never adds a prefix to keys.
  const keyvOptions = { store, namespace: options.namespace, useKeyPrefix: false };
  return new Keyv(keyvOptions as ConstructorParameters<typeof Keyv>[0]);
}
