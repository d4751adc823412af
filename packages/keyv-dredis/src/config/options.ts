import type { ConnectionOptions } from 'node:tls';
import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import type { KeyFormat } from '../format/keyspace.js';

/** TLS of a connection: `true` for the defaults of Node.js, or options of `tls.connect` (`ca`, `cert`, ...). */
export type TlsOptions = boolean | ConnectionOptions;

/**
 * Options of node-redis for the clients that the store makes, such as `RESP` or `socket.keepAlive`. Not
 * allowed are options that the store has under a name of its own, and `socket.reconnectStrategy`.
 */
export type ClientOptions = Omit<
  RedisClientOptions,
  'url' | 'username' | 'password' | 'database' | 'keyPrefix' | 'disableOfflineQueue'
>;

/** Options of all nodes. A location can override them. */
export interface ConnectionDefaults {
  /** Number of the Redis database, 0 or more. @default 0 */
  readonly database?: number | undefined;
  /** ACL user. @default Redis' user `default` */
  readonly username?: string | undefined;
  /** Password of the ACL user. @default none */
  readonly password?: string | undefined;
  /** TLS. @default false; true for `rediss://` */
  readonly tls?: TlsOptions | undefined;
  /** Further options of node-redis. @default none */
  readonly clientOptions?: ClientOptions | undefined;
}

/** Policy for the keys of a node that is down. */
export type NodeDownPolicy = 'error' | 'miss' | 'failover';

/** Policy for the keys of the store on a server that has restarted. */
export type RestartPolicy = 'keep' | 'purge';

/** Options of {@link DRedisStore}. */
export interface DRedisStoreOptions extends ConnectionDefaults {
  /**
   * Namespace of the keys: physical keys are `namespace:key`. The namespace of a Keyv that uses the store
   * replaces it. @default none; physical keys begin with `keyv:`
   */
  readonly namespace?: string | undefined;
  /**
   * Set this to `useKeyPrefix` of the Keyv 5 that uses the store, if that is not the default. Without it,
   * a key that begins with `namespace:` counts as prefixed by Keyv. Keyv 6 never prefixes, and this option
   * has no effect. @default decided for each key
   */
  readonly useKeyPrefix?: boolean | undefined;
  /**
   * How physical keys are formed. `'default'`: `namespace:key`, and `keyv:key` without a namespace.
   * `'raw'`: `namespace:key`, and the bare key without a namespace. @default 'default'
   */
  readonly keyFormat?: KeyFormat | undefined;
  /**
   * Every key of the database belongs to this store. With `keyFormat: 'raw'` and no namespace, `clear()`
   * is refused without it. @default false
   */
  readonly ownsDatabase?: boolean | undefined;
  /** Milliseconds to connect to a node, with TLS and the greeting, 1 to 2^31-1. @default 2000 */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Milliseconds from a call to the reply of the node, 1 to 2^31-1. Waiting for the first connection counts.
   * `clear`, `iterator` and calls with more than 1,000 keys send several commands, and each has this time.
   * @default 2000
   */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * Policy for the keys of a node that is down. `'error'`: calls reject at once with
   * NodeUnavailableError. `'miss'`: reads are misses, and writes return false. `'failover'`: the next
   * available node clockwise serves the keys, starting empty; if the unavailable nodes have more than half
   * of the weight, this process is probably cut off, and the keys are misses. @default 'error'
   */
  readonly nodeDownPolicy?: NodeDownPolicy | undefined;
  /** Longest life of an entry on a fallback node, in milliseconds, 1 to 2^31-1. @default 60000 */
  readonly failoverTtlMs?: number | undefined;
  /**
   * Policy for the keys of the store on a server that has restarted: its snapshot may be old. `'purge'`
   * removes them before the server is used. @default 'keep' if the server's append-only
   * file is on, else 'purge'
   */
  readonly restartPolicy?: RestartPolicy | undefined;
  /** Milliseconds that `disconnect()` waits for replies in flight, 0 to 2^31-1. @default 2000 */
  readonly disconnectTimeoutMs?: number | undefined;
  /**
   * Most keys that `get` and `getMany` calls of one turn of the event loop send in one command, 1 to
   * 10,000; 1 sends each key by itself. @default 1000
   */
  readonly maxBatchSize?: number | undefined;
  /** Keys per SCAN of `clear()` and `iterator()`, 1 to 1,000,000. @default 1000 */
  readonly scanCount?: number | undefined;
}

/** Defaults of a store. */
export const DEFAULTS = {
  keyFormat: 'default',
  ownsDatabase: false,
  connectTimeoutMs: 2000,
  commandTimeoutMs: 2000,
  nodeDownPolicy: 'error',
  failoverTtlMs: 60_000,
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
  readonly disconnectTimeoutMs: number;
  readonly maxBatchSize: number;
  readonly scanCount: number;
}
