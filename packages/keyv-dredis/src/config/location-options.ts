import { isCluster, isRedisClient, type RedisClient } from '../connection/redis-client.js';
import { describe } from '../errors/describe.js';
import { InvalidOptionError } from '../errors/errors.js';
import { hostProblem, isPort } from './host-name.js';
import { fieldProblem, stackExchangeAdvice, UNSET } from './location-advice.js';
import { isSocketPath, type ParsedLocation, parseEntry, parseUrl } from './location-syntax.js';
import type { ConnectionDefaults } from './options.js';
import {
  CONNECTION_RULES,
  checkClientOptions,
  checkFields,
  nonEmptyString,
  type Rule,
} from './validation.js';

/** Enough for hundreds of locations in one string. */
const MAX_STRING_LENGTH = 100_000;

/** Limits the size of the ring: a node has 160 points per unit of weight. */
export const MAX_WEIGHT = 1000;

/** A location as an object: a server's address or a client for it, plus options for this node. */
export interface LocationOptions extends ConnectionDefaults {
  /**
   * `redis://user:password@host:port/database`, or `rediss://` for TLS. `?family=4` or `?family=6` after it
   * selects the IP version.
   */
  readonly url?: string | undefined;
  /** Host name of letters, digits, `.`, `-` and `_`, or IP address. @default localhost */
  readonly host?: string | undefined;
  /** TCP port, 1 to 65535. @default 6379 */
  readonly port?: number | undefined;
  /** Absolute path of a Unix socket. */
  readonly path?: string | undefined;
  /**
   * A node-redis client, pool or sentinel, or a function that creates one. The store closes a client that the
   * function created. The caller has to close any other client.
   */
  readonly client?: RedisClient | (() => RedisClient) | undefined;
  /**
   * The node's identity on the ring, which decides which keys the node owns. At most 255 characters, without
   * control characters and `@`. @default `host:port` in lower case, followed by `/database` if the location
   * itself sets a database other than 0
   */
  readonly name?: string | undefined;
  /**
   * Share of the keys, relative to the other nodes' weights, 0 to 1000. A node with weight 0 holds no keys. It is a
   * witness: it counts when a majority of the nodes decides on a failover. @default 1
   */
  readonly weight?: number | undefined;
}

/**
 * One node: `host`, `host:port`, `[::1]:port`, `redis://user:password@host:port/database`, `rediss://...`,
 * `unix:/path`, an object, a node-redis client, or a function that creates a client.
 */
export type Location = string | LocationOptions | RedisClient | (() => RedisClient);

/** All nodes: a list, or one string with entries separated by `;` or `,`. */
export type Locations = string | readonly Location[];

/** A location after its syntax was checked. */
export interface CheckedLocation {
  /** Name of the location in error messages. */
  readonly where: string;
  /** What a string or the field `url` contains. */
  readonly written: ParsedLocation;
  /** The other fields, which override what is written. */
  readonly given: LocationOptions;
}

const LOCATION_RULES = {
  ...CONNECTION_RULES,
  url: { ...nonEmptyString, secret: true },
  host: {
    expected: 'a host name or an IP address, without a port',
    allows: (value) => typeof value === 'string',
    secret: true,
  },
  port: { expected: 'a whole number from 1 to 65535', allows: isPort },
  path: {
    expected: 'an absolute path of at most 107 characters, such as /run/redis.sock',
    allows: isSocketPath,
    secret: true,
  },
  client: {
    expected: 'a node-redis client, pool or sentinel, or a function that makes one',
    allows: (value) => typeof value === 'function' || isRedisClient(value),
    secret: true,
  },
  name: {
    expected:
      'a string of 1 to 255 characters without credentials, "@", control characters and spaces at its ends',
    allows: isName,
    secret: true,
  },
  weight: {
    expected: `a number from 0 to ${MAX_WEIGHT}`,
    allows: (value) => typeof value === 'number' && value >= 0 && value <= MAX_WEIGHT,
  },
} satisfies Record<keyof LocationOptions, Rule>;

/**
 * Checks the syntax of all locations. Neither opens a connection nor calls a function that makes a client.
 *
 * @throws InvalidOptionError if there is no location, or one is invalid; the message never shows text that may
 * be a credential
 */
export function checkLocations(locations: unknown): readonly CheckedLocation[] {
  const entries = entriesOf(locations);
  if (entries.length === 0) {
    throw new InvalidOptionError('locations must have at least one node, got an empty list');
  }
  const lastWithAt = entries.findLastIndex((entry) => typeof entry === 'string' && entry.includes('@'));
  return Array.from(entries, (entry, index) => {
    const where = `locations[${index}]`;
    // A separator in a password splits a URL, and the piece with the "@" comes last.
    if (typeof entry !== 'string') return checkEntry(entry, where);
    return { where, written: parseEntry(entry, where, index < lastWithAt), given: {} };
  });
}

function entriesOf(locations: unknown): readonly unknown[] {
  if (Array.isArray(locations)) return locations;
  if (typeof locations !== 'string') {
    throw new InvalidOptionError(
      `locations must be a list, or one string with entries separated by ";" or ",", got ${describeLone(locations)}`,
    );
  }
  if (locations.length > MAX_STRING_LENGTH) {
    throw new InvalidOptionError(
      `locations must have at most ${MAX_STRING_LENGTH} characters as one string, got ${locations.length}`,
    );
  }
  const advice = stackExchangeAdvice(locations);
  if (advice !== undefined) throw new InvalidOptionError(`locations ${advice}`);
  return locations.split(/[;,]/);
}

/** Describes a value that is not a list, and says what to write if it is a location. */
function describeLone(value: unknown): string {
  if (value instanceof URL) return 'a URL object; write its text, url.href';
  if (typeof value === 'function') return 'a function; put it in a list, as in [() => createClient(...)]';
  if (typeof value !== 'object' || value === null) return describe(value);
  if (isRedisClient(value)) return 'a client; put it in a list, as in [client]';
  return 'an object; put it in a list, as in [{ url }] or [{ host, port }]';
}

function checkEntry(entry: unknown, where: string): CheckedLocation {
  const fail = (problem: string) => new InvalidOptionError(`${where} ${problem}`);
  if (typeof entry === 'function' || isRedisClient(entry)) {
    return { where, written: {}, given: { client: entry as RedisClient } };
  }
  if (typeof entry !== 'object' || entry === null) {
    const unset = entry === undefined ? '; an environment variable is probably not set' : '';
    throw fail(`must be a string, an object or a node-redis client, got ${describe(entry)}${unset}`);
  }
  if (Array.isArray(entry)) throw fail('is a list in a list; write all locations in one list');
  if (entry instanceof URL) throw fail('is a URL object; write its text, url.href');
  if (isCluster(entry)) throw fail('is a cluster client, which shards by itself; list the nodes one by one');
  if (!isOptions(entry)) {
    throw fail(
      'must be a plain object or a node-redis client, got another object, such as a promise or a client of another library',
    );
  }
  for (const name of Object.keys(entry)) {
    const problem = fieldProblem(name);
    if (problem !== undefined) throw fail(problem);
  }
  if ('port' in entry && typeof entry.port === 'string') {
    throw fail('must have a port that is a number, got a string; write Number(port)');
  }
  checkFields(where, entry, LOCATION_RULES);
  return checkOptions(entry, where);
}

/**
 * Whether an object holds options. Its own fields do not tell, because a promise or a Map has none, and would
 * be accepted as an empty location.
 */
function isOptions(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  // The prototype of a plain object from another realm, such as a test environment, is not Object.prototype.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return true;
  return Object.keys(object).length > 0 && !('on' in object);
}

function checkOptions(options: LocationOptions, where: string): CheckedLocation {
  const fail = (problem: string) => new InvalidOptionError(`${where}${problem}`);
  const { url, ...given } = options;
  const ways = (['url', 'host', 'port', 'path', 'client'] as const).filter(
    (way) => options[way] !== undefined,
  );
  if (ways.length > 1 && ways.join() !== 'host,port') {
    throw fail(` must have exactly one of url, host and port, path, client, got ${ways.join(' and ')}`);
  }
  const extra = Object.entries(given).find(
    ([name, value]) => value !== undefined && !['client', 'name', 'weight'].includes(name),
  );
  if (given.client !== undefined && extra !== undefined) {
    throw fail(`.${extra[0]} is not allowed together with client, which has options of its own`);
  }
  const problem = given.host === undefined ? undefined : hostProblem(given.host);
  if (problem !== undefined) {
    throw fail(
      `.host ${problem}; write a host name or an IP address, without a scheme or a port (not shown here)`,
    );
  }
  checkClientOptions(`${where}.clientOptions`, given.clientOptions);
  return { where, written: url === undefined ? {} : parseUrl(url, where), given };
}

/** Whether a value can be a node's name, which appears in events and messages. */
function isName(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.isWellFormed() &&
    value.length >= 1 &&
    value.length <= 255 &&
    value.trim() === value &&
    !/[\p{Cc}@]|(pass\w*|pwd|secret|token)["']?\s*[=:]/iu.test(value) &&
    !UNSET.test(value)
  );
}
