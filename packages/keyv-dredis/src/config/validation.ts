import { describe, kindOf } from '../errors/describe.js';
import { InvalidOptionError } from '../errors/errors.js';
import { brokenRule } from '../format/keyspace.js';
import { insteadOf } from './former-options.js';
import {
  type ClientOptions,
  type ConnectionDefaults,
  DEFAULTS,
  type DRedisStoreOptions,
  type ResolvedOptions,
} from './options.js';

/** The largest delay of a Node.js timer. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Describes the values that an option allows: `allows` checks a value, and `expected` says it in words. */
export interface Rule {
  readonly expected: string;
  readonly allows: (value: unknown) => boolean;
  /** Whether the value may be a secret. If so, messages show only its type. */
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

/** Rules for the options that a location can also have. */
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

/** Rules for the store options. */
export const STORE_RULES = {
  ...CONNECTION_RULES,
  namespace: wellFormedString,
  useKeyPrefix: boolean,
  throwOnErrors: boolean,
  keyFormat: oneOf('default', 'raw', 'keyv-redis'),
  keySeparator: nonEmptyString,
  ownsDatabase: boolean,
  connectTimeoutMs: milliseconds(1),
  commandTimeoutMs: milliseconds(1),
  nodeDownPolicy: oneOf('error', 'miss', 'failover'),
  leaseMs: integer(100, 60_000, 'milliseconds'),
  restartPolicy: oneOf('keep', 'purge'),
  topology: oneOf('shared', 'fixed'),
  maxRetryDelayMs: milliseconds(1),
  disconnectTimeoutMs: milliseconds(0),
  maxBatchSize: integer(1, 10_000, 'keys'),
  scanCount: integer(1, 1_000_000, 'keys'),
} satisfies Record<keyof DRedisStoreOptions, Rule>;

/**
 * Validates store options and fills in the defaults.
 *
 * @throws InvalidOptionError for an unknown option, and for a value that is not allowed
 */
export function resolveOptions(options: DRedisStoreOptions = {}): ResolvedOptions {
  checkFields('options', options, STORE_RULES);
  checkClientOptions('options.clientOptions', options.clientOptions);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ResolvedOptions = Object.freeze({ ...DEFAULTS, ...given });
  checkKeyFormat(options, resolved);
  return resolved;
}

/** @throws InvalidOptionError if the namespace or the separator does not suit the key format */
function checkKeyFormat({ keySeparator }: DRedisStoreOptions, resolved: ResolvedOptions): void {
  const { namespace, keyFormat } = resolved;
  if (keySeparator !== undefined && keyFormat !== 'keyv-redis') {
    throw new InvalidOptionError(
      'options.keySeparator is allowed only with keyFormat "keyv-redis", ' +
        `got ${describe(keySeparator)} with keyFormat ${describe(keyFormat)}`,
    );
  }
  const rule = brokenRule(namespace, resolved);
  if (rule !== undefined)
    throw new InvalidOptionError(`options.namespace ${rule}, got ${describe(namespace)}`);
}

/**
 * Checks each option against its rule.
 *
 * @param where name of the object in error messages
 * @throws InvalidOptionError for an unknown option, and for a value that is not allowed
 */
export function checkFields(where: string, fields: object, rules: Readonly<Record<string, Rule>>): void {
  if (!plainObject.allows(fields)) {
    throw new InvalidOptionError(`${where} must be an object, got ${kindOf(fields)}`);
  }
  for (const [name, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      const instead = insteadOf(name) ?? `allowed are ${Object.keys(rules).join(', ')}`;
      throw new InvalidOptionError(`${where} has no option "${name}"; ${instead}`);
    }
    if (value === undefined || rule.allows(value)) continue;
    const got = rule.secret ? kindOf(value) : describe(value);
    throw new InvalidOptionError(`${where}.${name} must be ${rule.expected}, got ${got}`);
  }
}

const FORBIDDEN_CLIENT_OPTIONS: Readonly<Record<string, string>> = {
  url: 'use the URL as the location',
  username: 'set the option username of the store or of a location',
  password: 'set the option password of the store or of a location',
  database: 'set the option database of the store or of a location',
  keyPrefix: 'set the option namespace',
  disableOfflineQueue: 'commands to a node that is not connected fail at once anyway',
};
const FORBIDDEN_SOCKET_OPTIONS = ['host', 'port', 'path', 'tls', 'reconnectStrategy', 'connectTimeout'];

/** @throws InvalidOptionError if the node-redis options contain an option that the store sets itself */
export function checkClientOptions(where: string, options: ClientOptions | undefined): void {
  if (options === undefined) return;
  for (const [name, instead] of Object.entries(FORBIDDEN_CLIENT_OPTIONS)) {
    if (name in options) throw new InvalidOptionError(`${where}.${name} is not allowed: ${instead}`);
  }
  const socket: unknown = options.socket;
  if (typeof socket !== 'object' || socket === null) return;
  for (const name of FORBIDDEN_SOCKET_OPTIONS) {
    if (name in socket) {
      throw new InvalidOptionError(
        `${where}.socket.${name} is not allowed: the location sets the address and TLS, connectTimeoutMs the ` +
          'time to connect, and the store itself reconnects',
      );
    }
  }
}
