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

/** Whether a process follows the topology that all processes of the cache have in common. */
export type TopologyMode = 'shared' | 'fixed';

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
   * For Keyv 5: if you set `throwOnErrors` on the Keyv instance, set the same value here, because Keyv does not
   * pass it on. If it is true, a failed read emits an `error` event and rejects, and a multi-key call rejects
   * with its first error. If it is false, a failed read counts as a miss. Keyv 6 has no such option, so with
   * Keyv 6 and without Keyv, this option has no effect. @default false
   */
  readonly throwOnErrors?: boolean | undefined;
  /**
   * Format of physical keys. `'default'`: `namespace:key`, and `keyv:key` without a namespace. `'raw'`:
   * `namespace:key`, and the bare key without a namespace. `'keyv-redis'`: the keys of `@keyv/redis`, which are
   * `namespace::key` (under Keyv 5, `namespace::namespace:key`), and the bare key without a namespace.
   * @default 'default'
   */
  readonly keyFormat?: KeyFormat | undefined;
  /**
   * Separator between namespace and key, for `keyFormat: 'keyv-redis'` only; not empty. No namespace may
   * contain it. `@keyv/redis` calls it `keyPrefixSeparator`. @default '::'
   */
  readonly keySeparator?: string | undefined;
  /**
   * Declares that every key in the database belongs to this store. If keys have no prefix, which means no
   * namespace and `keyFormat: 'raw'` or `'keyv-redis'`, `clear()` is refused unless this option is true.
   * @default false
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
   * Policy for keys whose node is down. `'failover'`: all processes together remove the node from the ring, and bring it
   * back when it answers again. Calls wait until then, within `commandTimeoutMs`. This needs three nodes or more; a
   * node with weight 0 counts. `'error'`: calls reject immediately with NodeUnavailableError. `'miss'`: reads are
   * misses, and writes return false, which means that they were not done.
   * @default 'failover' with three nodes or more, otherwise 'error'
   */
  readonly nodeDownPolicy?: NodeDownPolicy | undefined;
  /**
   * How long a process may use the nodes after a majority of them has answered, in milliseconds, 100 to 60,000. A
   * failover takes a little longer than that. All processes of a cache must have the same value. Once there is a topology
   * record, they use the value in the record. @default 1000
   */
  readonly leaseMs?: number | undefined;
  /**
   * Policy for the store's keys on a restarted server, which may have loaded an old snapshot. `'purge'`
   * removes the keys before the server is used. @default 'keep' if the server uses an append-only file,
   * otherwise 'purge'
   */
  readonly restartPolicy?: RestartPolicy | undefined;
  /**
   * Whether this process follows changes of the topology. `'shared'`: the locations are a start. Once `reshard()` or
   * the command line has changed the topology of the cache, all processes use the servers of its record. `'fixed'`:
   * this process keeps to its own locations and to `updateNodes()`. A process also keeps to its own locations if it
   * cannot follow: if the caller created a client, with RESP 2, or if a server refuses CLIENT TRACKING.
   * `status()` tells why. @default 'shared'
   */
  readonly topology?: TopologyMode | undefined;
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
  keySeparator: '::',
  throwOnErrors: false,
  ownsDatabase: false,
  connectTimeoutMs: 2000,
  commandTimeoutMs: 2000,
  leaseMs: 1000,
  topology: 'shared',
  maxRetryDelayMs: 1000,
  disconnectTimeoutMs: 2000,
  maxBatchSize: 1000,
  scanCount: 1000,
} as const;

/** Validated options with all defaults. */
export interface ResolvedOptions extends DRedisStoreOptions {
  readonly keyFormat: KeyFormat;
  readonly keySeparator: string;
  readonly throwOnErrors: boolean;
  readonly ownsDatabase: boolean;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly leaseMs: number;
  readonly topology: TopologyMode;
  readonly maxRetryDelayMs: number;
  readonly disconnectTimeoutMs: number;
  readonly maxBatchSize: number;
  readonly scanCount: number;
}
