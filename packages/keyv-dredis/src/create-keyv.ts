import { Keyv } from 'keyv';
import type { Locations } from './config/locations.js';
import type { DRedisStoreOptions } from './config/options.js';
import { DRedisStore } from './store.js';

/**
 * A Keyv over a new {@link DRedisStore}, as every official adapter offers it. Keys get their
 * namespace in the store alone, so that a Keyv 5 treats every key as it is, also one that begins
 * with `namespace:`.
 *
 * @throws InvalidOptionError for a location or an option that is not allowed
 */
export function createKeyv(locations?: Locations, options: DRedisStoreOptions = {}): Keyv {
  const store = new DRedisStore(locations, { ...options, useKeyPrefix: false });
  // Keyv 5 knows useKeyPrefix; Keyv 6 has no such option, and never prefixes.
  const keyvOptions = { store, namespace: options.namespace, useKeyPrefix: false };
  return new Keyv(keyvOptions as ConstructorParameters<typeof Keyv>[0]);
}
