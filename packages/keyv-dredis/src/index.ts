export type { ConnectionArgument } from './config/connection-argument.js';
export type { Location, LocationOptions, Locations } from './config/locations.js';
export type {
  ClientOptions,
  ConnectionDefaults,
  DRedisStoreOptions,
  NodeDownPolicy,
  RestartPolicy,
  TlsOptions,
  TopologyMode,
} from './config/options.js';
export type { RedisClient } from './connection/redis-client.js';
export type { SentinelOptions } from './connection/sentinel.js';
export { createKeyv } from './create-keyv.js';
export { DRedisStore, DRedisStore as default } from './dredis-store.js';
export {
  ChangeIncompleteError,
  ChangeLostError,
  ChangeRefusedError,
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
export type {
  DRedisStoreEvents,
  DRedisStoreListener,
  NodeEvent,
  PurgeEvent,
  PurgeReason,
  TopologyEvent,
} from './errors/reporter.js';
export type { KeyFormat } from './format/keyspace.js';
export type { StoredValue } from './format/values.js';
export type { MethodCapability, StoreCapabilities } from './keyv/capabilities.js';
export type {
  ChangeProgress,
  ChangeRunOptions,
  ChangeSummary,
  ReshardOptions,
  SourceProgress,
} from './membership/change-types.js';
export type { RecordedNode } from './membership/record.js';
export type { Absence } from './node/absence.js';
export type {
  FailoverStatus,
  NodeState,
  NodeStatus,
  StoreStatus,
  TopologyStatus,
} from './node/node-status.js';
export type { NamespacedStore } from './store.js';
export type { ForBothKeyvs, KeyLocation, StoreEntry } from './types.js';
