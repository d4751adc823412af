import { isIPv6 } from 'node:net';
import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { noop } from '../connection/connection.js';
import { isCluster, isRedisClient, type RedisClient } from '../connection/redis-client.js';
import { describe, kindOf } from '../errors/describe.js';
import { InvalidOptionError } from '../errors/errors.js';
import { DEFAULT_HOST, isHost, isPort, parseEntry, parseUrl } from './location-syntax.js';
import type { ConnectionDefaults, ResolvedOptions } from './options.js';
import {
  CONNECTION_RULES,
  checkClientOptions,
  checkFields,
  nonEmptyString,
  type Rule,
} from './validation.js';

const DEFAULT_PORT = 6379;

/** A location as an object: a server's address or a client for it, plus options for this node. */
export interface LocationOptions extends ConnectionDefaults {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url?: string | undefined;
  /** Host name or IP address. @default localhost */
  readonly host?: string | undefined;
  /** TCP port, 1 to 65535. @default 6379 */
  readonly port?: number | undefined;
  /** Path of a Unix socket. */
  readonly path?: string | undefined;
  /**
   * A node-redis client, pool or sentinel, or a function that creates one. The store closes a client that the
   * function created. The caller has to close any other client.
   */
  readonly client?: RedisClient | (() => RedisClient) | undefined;
  /**
   * The node's identity on the ring, which decides which keys the node owns. @default `host:port`, followed
   * by `/database` if the location itself sets a database
   */
  readonly name?: string | undefined;
  /** Share of the keys, relative to the other nodes' weights: above 0, at most 1000. @default 1 */
  readonly weight?: number | undefined;
}

/**
 * One node: `host`, `host:port`, `[::1]:port`, `redis://user:password@host:port/database`, `rediss://...`,
 * `unix:/path`, an object, a node-redis client, or a function that creates a client.
 */
export type Location = string | LocationOptions | RedisClient | (() => RedisClient);

/** All nodes: a list, or one string with entries separated by `;` or `,`. */
export type Locations = string | readonly Location[];

/** How a node gets its client. */
export type ClientSource =
  | { readonly kind: 'options'; readonly clientOptions: RedisClientOptions }
  | { readonly kind: 'client'; readonly client: RedisClient }
  | { readonly kind: 'factory'; readonly factory: () => RedisClient; readonly made: RedisClient };

/** Description of a node, parsed from its location. */
export interface NodeDescription {
  readonly name: string;
  readonly weight: number;
  readonly source: ClientSource;
  /** The password, plain and URL-encoded. Error messages must never show it. */
  readonly secrets: readonly string[];
}

/** Limits the size of the ring: a node has 160 points per unit of weight. */
const MAX_WEIGHT = 1000;

const LOCATION_RULES = {
  ...CONNECTION_RULES,
  url: { ...nonEmptyString, secret: true },
  host: {
    expected: 'a host name or an IP address, without a port',
    allows: (value) => typeof value === 'string' && isHost(value),
    secret: true,
  },
  port: { expected: 'a whole number from 1 to 65535', allows: isPort },
  path: nonEmptyString,
  client: {
    expected: 'a node-redis client, pool or sentinel, or a function that makes one',
    allows: (value) => typeof value === 'function' || isRedisClient(value),
    secret: true,
  },
  name: {
    expected: 'a non-empty string without credentials',
    allows: (value) => nonEmptyString.allows(value) && !/:\/\/.*@/s.test(String(value)),
    secret: true,
  },
  weight: {
    expected: `a number above 0, ${MAX_WEIGHT} at most`,
    allows: (value) => typeof value === 'number' && value > 0 && value <= MAX_WEIGHT,
  },
} satisfies Record<keyof LocationOptions, Rule>;

/**
 * Parses locations. Opens no connection.
 *
 * @throws InvalidOptionError if the list is empty, an entry is invalid, or two nodes have the same name; the
 * message never shows text that may be a credential
 */
export function parseLocations(
  locations: Locations = `${DEFAULT_HOST}:${DEFAULT_PORT}`,
  defaults: ResolvedOptions,
): readonly NodeDescription[] {
  const entries: readonly unknown[] = typeof locations === 'string' ? locations.split(/[;,]/) : locations;
  if (!Array.isArray(entries)) {
    throw new InvalidOptionError(
      `locations must be a list, or one string with entries separated by ";" or ",", got ${describe(locations)}`,
    );
  }
  if (entries.length === 0)
    throw new InvalidOptionError('locations must have at least one node, got an empty list');
  const secret = typeof locations === 'string' && locations.includes('@');
  const descriptions: NodeDescription[] = [];
  const names = new Set<string>();
  try {
    for (const [index, entry] of entries.entries()) {
      const description = describeNode(entry, `locations[${index}]`, defaults, secret);
      descriptions.push(description);
      if (names.has(description.name)) {
        throw new InvalidOptionError(
          `locations has two nodes named "${description.name}"; give one of them a name of its own with { name }`,
        );
      }
      names.add(description.name);
    }
  } catch (error) {
    descriptions.forEach(discard);
    throw error;
  }
  return descriptions;
}

/** For a node that will not be used: closes its client if a factory created the client. */
export function discard({ source }: NodeDescription): void {
  if (source.kind !== 'factory' || !source.made.isOpen) return;
  source.made.on('error', noop);
  source.made.destroy();
}

function describeNode(
  entry: unknown,
  where: string,
  defaults: ResolvedOptions,
  secret: boolean,
): NodeDescription {
  if (typeof entry === 'string') return fromOptions(parseEntry(entry.trim(), where, secret), where, defaults);
  if (typeof entry === 'function' || isRedisClient(entry)) {
    return fromOptions({ client: entry as RedisClient }, where, defaults);
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new InvalidOptionError(
      `${where} must be a string, an object or a node-redis client, got ${describe(entry)}`,
    );
  }
  if (entry instanceof URL) {
    // A URL object has no own properties, so it would be accepted as an empty location.
    throw new InvalidOptionError(`${where} is a URL object; use a string`);
  }
  if (isCluster(entry)) {
    throw new InvalidOptionError(
      `${where} is a cluster client, which shards by itself; list the nodes one by one`,
    );
  }
  checkFields(where, entry, LOCATION_RULES);
  return fromOptions(entry, where, defaults);
}

function fromOptions(given: LocationOptions, where: string, defaults: ResolvedOptions): NodeDescription {
  const ways = (['url', 'host', 'port', 'path', 'client'] as const).filter((way) => given[way] !== undefined);
  if (ways.length > 1 && ways.join() !== 'host,port') {
    throw new InvalidOptionError(
      `${where} must have exactly one of url, host and port, path, client, got ${ways.join(' and ')}`,
    );
  }
  if (given.client !== undefined) return fromClient(given, given.client, where);

  checkClientOptions(`${where}.clientOptions`, given.clientOptions);
  const { url, ...beside } = given;
  const written = url === undefined ? {} : parseUrl(url, where);
  const own: LocationOptions = {
    ...written,
    // rediss:// turns TLS on; the certificates come from the store's options.
    ...(written.tls && typeof defaults.tls === 'object' ? { tls: defaults.tls } : {}),
    ...withoutUndefined(beside),
  };
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, path } = own;
  const { username, password, database, tls } = {
    ...withoutUndefined({ ...defaults }),
    ...own,
  } as ConnectionDefaults;
  const clientOptions = {
    clientInfoTag: 'keyv-dredis',
    // Only Redis Enterprise proxies send these notifications.
    maintNotifications: 'disabled',
    ...defaults.clientOptions,
    ...own.clientOptions,
    ...withoutUndefined({ username, password, database }),
    socket: {
      ...defaults.clientOptions?.socket,
      ...own.clientOptions?.socket,
      ...(path === undefined ? { host: withoutBrackets(host), port } : { path }),
      // node-redis expects tls.connect options next to `tls: true`.
      ...(tls ? { ...(tls === true ? {} : tls), tls: true } : {}),
      connectTimeout: defaults.connectTimeoutMs,
    },
  } as RedisClientOptions;
  return {
    name: own.name ?? nodeName(path === undefined ? { host, port } : { path }, own.database),
    weight: own.weight ?? 1,
    source: { kind: 'options', clientOptions },
    secrets: secretsOf(password),
  };
}

function fromClient(
  given: LocationOptions,
  client: RedisClient | (() => RedisClient),
  where: string,
): NodeDescription {
  const extra = Object.entries(given).find(
    ([name, value]) => value !== undefined && !['client', 'name', 'weight'].includes(name),
  );
  if (extra !== undefined) {
    throw new InvalidOptionError(
      `${where}.${extra[0]} is not allowed together with client, which has options of its own`,
    );
  }
  const weight = given.weight ?? 1;
  if (typeof client === 'function') {
    // Calls the factory now, because the node's name comes from the client's options. This opens no
    // connection.
    const made = client();
    if (!isRedisClient(made)) {
      throw new InvalidOptionError(
        `${where} is a function that must return a node-redis client, got ${kindOf(made)}`,
      );
    }
    return {
      ...fromClient({ ...given, client: made }, made, where),
      source: { kind: 'factory', factory: client, made },
    };
  }
  const { options } = client;
  if (options?.keyPrefix !== undefined) {
    throw new InvalidOptionError(
      `${where} is a client with a keyPrefix, which SCAN ignores; use a namespace`,
    );
  }
  const name = given.name ?? nameOfClient(client);
  if (name === undefined) {
    throw new InvalidOptionError(
      `${where} is a client without an address in its options; give it a name: { name, client }`,
    );
  }
  return { name, weight, source: { kind: 'client', client }, secrets: secretsOf(options?.password) };
}

/**
 * The node name for a plain client; undefined for a pool or a sentinel, because their options have no
 * address.
 */
function nameOfClient({ options }: RedisClient): string | undefined {
  if (options === undefined || 'sentinelRootNodes' in options) return undefined;
  return nodeName({ ...options.socket }, options.database || undefined);
}

function nodeName(
  address: { host?: string | undefined; port?: number | undefined; path?: string | undefined },
  database: number | undefined,
): string {
  const host = withoutBrackets(address.host ?? DEFAULT_HOST);
  const at =
    address.path === undefined
      ? `${isIPv6(host) ? `[${host}]` : host}:${address.port ?? DEFAULT_PORT}`
      : `unix:${address.path}`;
  return database === undefined ? at : `${at}/${database}`;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function secretsOf(password: string | undefined): readonly string[] {
  return password ? [...new Set([password, encodeURIComponent(password)])] : [];
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
