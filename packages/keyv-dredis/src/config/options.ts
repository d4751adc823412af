import type { ConnectionOptions } from 'node:tls';
import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { InvalidOptionError } from '../errors/errors.js';

/** TLS for a connection: `true` for Node.js' defaults, or `tls.connect` options (`ca`, `cert`, `key` …). */
export type TlsOptions = boolean | ConnectionOptions;

/** Further node-redis options for the clients that the store makes. */
export type ClientOptions = Omit<
  RedisClientOptions,
  'url' | 'username' | 'password' | 'database' | 'keyPrefix' | 'disableOfflineQueue'
>;

/** Options that hold for all nodes, unless a location says otherwise. */
export interface ConnectionDefaults {
  /** Number of the Redis database, from 0. @default 0 */
  readonly database?: number | undefined;
  /** ACL user. @default Redis' own user `default` */
  readonly username?: string | undefined;
  /** Password, or that of the ACL user. @default none */
  readonly password?: string | undefined;
  /** TLS. @default false, and true for `rediss://` */
  readonly tls?: TlsOptions | undefined;
  /**
   * Further node-redis options, such as `RESP` or `socket.keepAlive`. Reconnecting is the store's
   * own (`socket.reconnectStrategy` is refused) and so is `keyPrefix`, which SCAN knows nothing of.
   */
  readonly clientOptions?: ClientOptions | undefined;
}

/** What happens to the keys of a node that is down. */
export type NodeDownPolicy = 'error' | 'miss' | 'failover';

/** How physical keys are formed. */
export type KeyFormat = 'default' | 'raw';

/** What happens to our keys on a server that has restarted. */
export type RestartPolicy = 'keep' | 'purge';

export interface DRedisStoreOptions extends ConnectionDefaults {
  /**
   * Namespace of the keys, which stand in Redis as `namespace:key`. A Keyv in front that has a
   * namespace of its own wins. @default `keyv`, in Redis only: `store.namespace` reads `undefined`
   */
  readonly namespace?: string | undefined;
  /**
   * Set it to what the Keyv 5 in front has as its own `useKeyPrefix`, where that is not the default.
   * Left out, each key is looked at: one that begins with `namespace:` is taken as prefixed by Keyv.
   * Keyv 6 never prefixes, and ignores it. @default decided per key
   */
  readonly useKeyPrefix?: boolean | undefined;
  /**
   * How physical keys are formed. `'default'`: `namespace:key`, and `keyv:key` without a namespace.
   * `'raw'`: the same with a namespace, and the key alone without one. @default 'default'
   */
  readonly keyFormat?: KeyFormat | undefined;
  /**
   * Says that every key of the database is this store's, so that `clear()` may delete them all. Only
   * needed with `keyFormat: 'raw'` and no namespace, where no prefix tells which keys are ours. @default false
   */
  readonly ownsDatabase?: boolean | undefined;
  /** Milliseconds that a node may take to connect and to greet us, 1 to 2^31-1. @default 2000 */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Milliseconds from a call until the node's reply, 1 to 2^31-1, waiting for a first connection
   * included. A call that takes several commands in a row (`clear`, `iterator`) has them for each.
   * @default 2000
   */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * What happens to the keys of a node that is down. `'error'`: calls fail at once with
   * NodeUnavailableError. `'miss'`: reads are misses, writes are dropped and answer false, and the
   * store's `node:*` events are all that tells of it. `'failover'`: the next live node clockwise serves
   * them meanwhile, beginning with nothing; when the nodes that are down have more than half of the
   * weight, it is taken to be this process that is cut off, and they are misses. @default 'error'
   */
  readonly nodeDownPolicy?: NodeDownPolicy | undefined;
  /**
   * Milliseconds that an entry lives at most which is written to a node that stands in for another, 1
   * to 2^31-1. @default 60000
   */
  readonly failoverTtlMs?: number | undefined;
  /**
   * Whether writes that do not reach their node leave a hint on another one, by which their keys are
   * removed before that node is used again. Without, a node that was away serves old values. All
   * processes that share the nodes have to have it alike. @default true
   */
  readonly hints?: boolean | undefined;
  /**
   * What happens to the keys of all our namespaces on a server that has restarted since we used it:
   * those of a snapshot may be old. @default 'keep' where the server has its append-only file on, else
   * 'purge'
   */
  readonly restartPolicy?: RestartPolicy | undefined;
  /** Milliseconds that `disconnect()` waits for replies in flight, 0 to 2^31-1. @default 2000 */
  readonly disconnectTimeoutMs?: number | undefined;
  /**
   * Keys that `get`s of one turn of the event loop send together, 1 to 10,000; 1 sends each by itself.
   * @default 1000
   */
  readonly maxBatchSize?: number | undefined;
  /** Keys that `clear()` and `iterator()` ask a node for at a time, 1 to 1,000,000. @default 1000 */
  readonly scanCount?: number | undefined;
}

/** What a store works with: every default filled in. */
export interface ResolvedOptions extends DRedisStoreOptions {
  readonly keyFormat: KeyFormat;
  readonly ownsDatabase: boolean;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly nodeDownPolicy: NodeDownPolicy;
  readonly failoverTtlMs: number;
  readonly hints: boolean;
  readonly disconnectTimeoutMs: number;
  readonly maxBatchSize: number;
  readonly scanCount: number;
}

const DEFAULTS = {
  keyFormat: 'default',
  ownsDatabase: false,
  connectTimeoutMs: 2000,
  commandTimeoutMs: 2000,
  nodeDownPolicy: 'error',
  failoverTtlMs: 60_000,
  hints: true,
  disconnectTimeoutMs: 2000,
  maxBatchSize: 1000,
  scanCount: 1000,
} as const;

/** The largest delay that a Node.js timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** What one option may be: a test, and the words for it. */
export interface Rule {
  readonly expected: string;
  readonly allows: (value: unknown) => boolean;
  /** The value may be a secret: a message names its type only. */
  readonly secret?: boolean;
}

export const wellFormedString: Rule = {
  expected: 'a string of well-formed Unicode',
  allows: (value) => typeof value === 'string' && value.isWellFormed(),
};
export const nonEmptyString: Rule = {
  expected: 'a non-empty string of well-formed Unicode',
  allows: (value) => value !== '' && wellFormedString.allows(value),
};
const boolean: Rule = { expected: 'true or false', allows: (value) => typeof value === 'boolean' };
const plainObject: Rule = {
  expected: 'an object of node-redis options',
  allows: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};
const integer = (from: number, to: number, unit: string): Rule => ({
  expected: `a whole number of ${unit} from ${from} to ${to}`,
  allows: (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
});
const oneOf = (...words: readonly string[]): Rule => ({
  expected: words.map((word) => JSON.stringify(word)).join(' or '),
  allows: (value) => words.includes(value as string),
});
const milliseconds = (from: number) => integer(from, MAX_DELAY_MS, 'milliseconds');

/** Rules of the options that a single location may have as well. */
export const CONNECTION_RULES = {
  database: {
    expected: 'a whole number, 0 or more',
    allows: (value) => Number(value) >= 0 && Number.isInteger(value),
  },
  username: { ...wellFormedString, secret: true },
  password: { ...wellFormedString, secret: true },
  tls: {
    expected: 'true, false or an object of tls.connect options',
    allows: (value) => typeof value === 'boolean' || plainObject.allows(value),
    secret: true,
  },
  clientOptions: { ...plainObject, secret: true },
} satisfies Record<keyof ConnectionDefaults, Rule>;

const STORE_RULES = {
  ...CONNECTION_RULES,
  namespace: wellFormedString,
  useKeyPrefix: boolean,
  keyFormat: oneOf('default', 'raw'),
  ownsDatabase: boolean,
  connectTimeoutMs: milliseconds(1),
  commandTimeoutMs: milliseconds(1),
  nodeDownPolicy: oneOf('error', 'miss', 'failover'),
  failoverTtlMs: milliseconds(1),
  hints: boolean,
  restartPolicy: oneOf('keep', 'purge'),
  disconnectTimeoutMs: milliseconds(0),
  maxBatchSize: integer(1, 10_000, 'keys'),
  scanCount: integer(1, 1_000_000, 'keys'),
} satisfies Record<keyof DRedisStoreOptions, Rule>;

/**
 * The options with every default filled in.
 *
 * @throws InvalidOptionError for a value that is not allowed, and for a name that is not known
 */
export function resolveOptions(options: DRedisStoreOptions = {}): ResolvedOptions {
  checkFields('options', options, STORE_RULES);
  checkClientOptions('options.clientOptions', options.clientOptions);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return Object.freeze({ ...DEFAULTS, ...given });
}

/**
 * Checks an object of options against a rule for each.
 *
 * @param where what to call the object in a message
 */
export function checkFields(where: string, fields: object, rules: Readonly<Record<string, Rule>>): void {
  if (!plainObject.allows(fields)) {
    throw new InvalidOptionError(`${where} must be an object, got ${kindOf(fields)}`);
  }
  for (const [name, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new InvalidOptionError(
        `${where} has no option "${name}"; there are ${Object.keys(rules).join(', ')}`,
      );
    }
    if (value === undefined || rule.allows(value)) continue;
    const got = rule.secret ? kindOf(value) : describe(value);
    throw new InvalidOptionError(`${where}.${name} must be ${rule.expected}, got ${got}`);
  }
}

const NOT_CLIENT_OPTIONS: Readonly<Record<string, string>> = {
  url: 'give the URL as the location',
  username: 'set the option username of the store or of a location',
  password: 'set the option password of the store or of a location',
  database: 'set the option database of the store or of a location',
  keyPrefix: 'set the option namespace instead',
  disableOfflineQueue: 'commands to a node that is not connected fail fast anyway',
};

/** Refuses node-redis options that the store has for itself. */
export function checkClientOptions(where: string, options: ClientOptions | undefined): void {
  if (options === undefined) return;
  for (const [name, instead] of Object.entries(NOT_CLIENT_OPTIONS)) {
    if (name in options) throw new InvalidOptionError(`${where}.${name} is not allowed: ${instead}`);
  }
  const socket: unknown = options.socket;
  if (typeof socket !== 'object' || socket === null) return;
  for (const name of ['host', 'port', 'path', 'tls', 'reconnectStrategy', 'connectTimeout']) {
    if (name in socket) {
      throw new InvalidOptionError(
        `${where}.socket.${name} is not allowed: a location says where to connect and how, connectTimeoutMs ` +
          'says how long it may take, and the store itself reconnects',
      );
    }
  }
}

/** A value in a message: short, and never the inside of an object, which may hold secrets. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return kindOf(value);
}

/** What a value that may hold a secret is, and not what it says. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
