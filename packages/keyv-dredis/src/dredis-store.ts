import type { Locations } from './config/locations.js';
import type { DRedisStoreOptions } from './config/options.js';
import { resolveOptions } from './config/validation.js';
import { Runtime } from './runtime.js';
import { NamespacedStore } from './store.js';

/**
 * A Keyv storage adapter that shards one cache over several Redis servers. Consistent hashing assigns each
 * key to one node. A multi-key call sends one request per node, to all nodes in parallel. If a node fails,
 * only its own keys are affected.
 *
 * The store works with Keyv 5 and Keyv 6. Without Keyv, call the store as Keyv 6 does: pass keys without a
 * namespace, and expiries in milliseconds since the Unix epoch.
 *
 * @example
 * const store = new DRedisStore(['10.0.0.1:6379', '10.0.0.2:6379']);
 * const cache = new Keyv({ store });
 */
export class DRedisStore extends NamespacedStore {
  /**
   * Opens no connections. `connect()` or the first operation opens them.
   *
   * @param locations the nodes. Default: `localhost:6379`
   * @throws InvalidOptionError if a location or an option is not allowed
   */
  constructor(locations: Locations = 'localhost:6379', options?: DRedisStoreOptions) {
    const resolved = resolveOptions(options);
    super(new Runtime(locations, resolved), resolved.namespace, true);
  }
}
