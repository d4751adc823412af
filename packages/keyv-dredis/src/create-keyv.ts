import { Keyv } from 'keyv';
import { type ConnectionArgument, toConnection } from './config/connection-argument.js';
import type { DRedisStoreOptions } from './config/options.js';
import { DRedisStore } from './dredis-store.js';

/**
 * Creates a Keyv over a new {@link DRedisStore}, like `createKeyv` of the official adapters. Only the store
 * adds the namespace to keys, and Keyv does not. So Keyv 5 passes every key unchanged, even a key that begins
 * with `namespace:`. The option `throwOnErrors` applies to the store and, under Keyv 5, to the Keyv.
 *
 * @param connection the nodes, or what `createKeyv()` of `@keyv/redis` takes. Of node-redis options, `url` wins
 * over the others, `socket.connectTimeout` becomes `connectTimeoutMs`, and `socket.reconnectStrategy` and
 * `disableOfflineQueue` have no effect, because the store itself reconnects. Default: `localhost:6379`
 * @throws InvalidOptionError if a location or an option is not allowed, or if the argument is a cluster
 */
export function createKeyv(connection?: ConnectionArgument, options: DRedisStoreOptions = {}): Keyv {
  const { locations, connectTimeoutMs } = toConnection(connection);
  const store = new DRedisStore(locations, {
    ...options,
    connectTimeoutMs: options.connectTimeoutMs ?? connectTimeoutMs,
    useKeyPrefix: false,
  });
  // Keyv 6 has neither useKeyPrefix nor throwOnErrors, and never adds a prefix to keys.
  const { namespace, throwOnErrors } = options;
  const keyvOptions = { store, namespace, useKeyPrefix: false, throwOnErrors };
  return new Keyv(keyvOptions as ConstructorParameters<typeof Keyv>[0]);
}
