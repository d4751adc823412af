import type { ConnectionOptions } from 'node:tls';
import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import type { KeyFormat } from '../format/keyspace.js';

/** TLS settings: `true` for the defaults of Node.js, or options for `tls.connect` (`ca`, `cert`, ...). */
export type TlsOptions = boolean | ConnectionOptions;

/**
 * node-redis options, such as `RESP` or `socket.keepAlive`, for the clients that the store creates. They must
 * not contain `socket.reconnectStrategy`, or options that the store or a location already has, such as
 * `password`.
 */
export type ClientOptions = Omit<
  RedisClientOptions,
  'url' | 'username' | 'password' | 'database' | 'keyPrefix' | 'disableOfflineQueue'
>;

/** Connection options for all nodes. A location can override them. */
export interface ConnectionDefaults {
  /** Redis database number, 0 or higher. @default 0 */
  readonly database?: number | undefined;
  /** ACL user. @default Redis' user `default` */
  readonly username?: string | undefined;
  /** Password of the ACL user. @default none */
  readonly password?: string | undefined;
  /** TLS. @default false; true for `rediss://` */
  readonly tls?: TlsOptions | undefined;
  /** Additional node-redis options. @default none */
  readonly clientOptions?: ClientOptions | undefined;
}

/** Policy for keys whose node is down. */
export type NodeDownPolicy = 'error' | 'miss' | 'failover';

/** Policy for the store's keys on a restarted server. */
export type RestartPolicy = 'keep' | 'purge';

/** Options of {@link DRedisStore}. */
export interface DRedisStoreOptions extends ConnectionDefaults {
  /**
   * Namespace of the keys: physical keys are `namespace:key`. If a Keyv that uses the store has a namespace,
   * that namespace overrides this option. @default none; physical keys then begin with `keyv:`
   */
  readonly namespace?: string | undefined;
  /**
   * For Keyv 5: if you set `useKeyPrefix` on the Keyv instance, set the same value here. By default, the
   * store assumes that Keyv added the prefix to every key that begins with `namespace:`. Keyv 6 never adds a
   * prefix, so with Keyv 6 this option has no effect. @default decided for each key
   */
  readonly useKeyPrefix?: boolean | undefined;
  /**
   * Format of physical keys. `'default'`: `namespace:key`, and `keyv:key` without a namespace. `'raw'`:
   * `namespace:key`, and the bare key without a namespace. @default 'default'
   */
  readonly keyFormat?: KeyFormat | undefined;
  /**
   * Declares that every key in the database belongs to this store. With `keyFormat: 'raw'` and no
   * namespace, `clear()` is refused unless this option is true. @default false
   */
  readonly ownsDatabase?: boolean | undefined;
  /**
   * Time limit for connecting to a node, including TLS and the greeting, in milliseconds, 1 to 2^31-1.
   * @default 2000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Time limit from a call to the node's reply, in milliseconds, 1 to 2^31-1. The limit includes the wait for
   * the first connection. `clear`, `iterator` and calls with more than 1,000 keys send several commands, and
   * the limit applies to each command. @default 2000
   */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * Policy for keys whose node is down. `'error'`: calls reject immediately with NodeUnavailableError.
   * `'miss'`: reads are misses, and writes return false. `'failover'`: calls go to the next available
   * node clockwise, which has none of the keys at first. But if the unavailable nodes have more than half of
   * the total weight, this process is probably cut off from the network, so `'miss'` applies instead.
   * @default 'error'
   */
  readonly nodeDownPolicy?: NodeDownPolicy | undefined;
  /** Maximum lifetime of an entry on a fallback node, in milliseconds, 1 to 2^31-1. @default 60000 */
  readonly failoverTtlMs?: number | undefined;
  /**
   * Policy for the store's keys on a restarted server, which may have loaded an old snapshot. `'purge'`
   * removes the keys before the server is used. @default 'keep' if the server uses an append-only file,
   * otherwise 'purge'
   */
  readonly restartPolicy?: RestartPolicy | undefined;
  /**
   * Longest delay between two attempts to reach a node that is down, in milliseconds, 1 to 2^31-1. Delays start
   * at 250 ms, double each time, and vary by up to half. @default 1000
   */
  readonly maxRetryDelayMs?: number | undefined;
  /**
   * Maximum time that `disconnect()` waits for replies in flight, in milliseconds, 0 to 2^31-1. @default 2000
   */
  readonly disconnectTimeoutMs?: number | undefined;
  /**
   * Calls of `get` and `getMany` from the same turn of the event loop are combined. This option is the
   * maximum number of keys in a combined command, 1 to 10,000. With 1, calls are not combined. @default 1000
   */
  readonly maxBatchSize?: number | undefined;
  /** Number of keys per SCAN in `clear()` and `iterator()`, 1 to 1,000,000. @default 1000 */
  readonly scanCount?: number | undefined;
}

/** Default values of the store options. */
export const DEFAULTS = {
  keyFormat: 'default',
  ownsDatabase: false,
  connectTimeoutMs: 2000,
  commandTimeoutMs: 2000,
  nodeDownPolicy: 'error',
  failoverTtlMs: 60_000,
  maxRetryDelayMs: 1000,
  disconnectTimeoutMs: 2000,
  maxBatchSize: 1000,
  scanCount: 1000,
} as const;

/** Validated options with all defaults. */
export interface ResolvedOptions extends DRedisStoreOptions {
  readonly keyFormat: KeyFormat;
  readonly ownsDatabase: boolean;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly nodeDownPolicy: NodeDownPolicy;
  readonly failoverTtlMs: number;
  readonly maxRetryDelayMs: number;
  readonly disconnectTimeoutMs: number;
  readonly maxBatchSize: number;
  readonly scanCount: number;
}
