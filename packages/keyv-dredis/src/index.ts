export type { Location, LocationOptions, Locations } from './config/locations.js';
export type {
  ClientOptions,
  ConnectionDefaults,
  DRedisStoreOptions,
  NodeDownPolicy,
  RestartPolicy,
  TlsOptions,
} from './config/options.js';
export type { RedisClient } from './connection/redis-client.js';
export { createKeyv } from './create-keyv.js';
export { DRedisStore, DRedisStore as default } from './dredis-store.js';
export {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  type DRedisErrorCode,
  type DRedisErrorDetails,
  InvalidArgumentError,
  InvalidOptionError,
  NodeUnavailableError,
  PartialFailureError,
} from './errors/errors.js';
export type { DRedisStoreEvents, DRedisStoreListener, NodeEvent } from './errors/reporter.js';
export type { KeyFormat } from './format/keyspace.js';
export type { StoredValue } from './format/values.js';
export type { MethodCapability, StoreCapabilities } from './keyv/capabilities.js';
export type { NodeState, NodeStatus } from './node/health.js';
export type { NamespacedStore } from './store.js';
export type { ForBothKeyvs, KeyLocation, StoreEntry } from './types.js';
