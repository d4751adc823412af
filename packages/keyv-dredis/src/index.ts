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
} from './errors.js';
export type { NodeState, NodeStatus } from './health.js';
export type { Location, LocationOptions, Locations } from './locations.js';
export type {
  ConnectionDefaults,
  DRedisStoreOptions,
  FurtherRedisOptions,
  OnNodeDown,
  TlsOptions,
} from './options.js';
export type { RedisClient } from './redis-client.js';
export type { DRedisStoreEvents } from './reporter.js';
export {
  DRedisStore,
  DRedisStore as default,
  type ForkOptions,
  type KeyLocation,
  type StoreEntry,
} from './store.js';
export type { StoredValue } from './values.js';
