import type { Locations } from '../../src/config/locations.js';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import { Runtime } from '../../src/runtime.js';
import { NamespacedStore } from '../../src/store.js';

/** A DRedisStore that records no hints. It is the negative control for tests that show what hints prevent. */
export class StoreWithoutHints extends NamespacedStore {
  constructor(locations: Locations, options?: DRedisStoreOptions) {
    const resolved = resolveOptions(options);
    super(new Runtime(locations, resolved, { hints: false }), resolved.namespace, true);
  }
}
