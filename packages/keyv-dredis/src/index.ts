export type { Location, LocationOptions, Locations } from './config/locations.js';
export type {
  ClientOptions,
  ConnectionDefaults,
  DRedisStoreOptions,
  KeyFormat,
  NodeDownPolicy,
  RestartPolicy,
  TlsOptions,
} from './config/options.js';
export type { RedisClient } from './connection/redis-client.js';
export { createKeyv } from './create-keyv.js';
export {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  type DRedisErrorCode,
  InvalidArgumentError,
  InvalidOptionError,
  NodeUnavailableError,
  PartialFailureError,
} from './errors/errors.js';
export type { DRedisStoreEvents } from './errors/reporter.js';
export type { StoredValue } from './format/values.js';
export type { NodeState, NodeStatus } from './node/health.js';
export {
  DRedisStore,
  DRedisStore as default,
  type KeyLocation,
  type StoreEntry,
} from './store.js';
