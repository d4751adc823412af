import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import type { RedisClient } from '../connection/redis-client.js';
import { makeSentinel, type SentinelOptions } from '../connection/sentinel.js';
import { InvalidOptionError } from '../errors/errors.js';
import type { Location, LocationOptions, Locations } from './locations.js';

/**
 * First argument of `createKeyv()`: {@link Locations}, a single location, or what `createKeyv()` of
 * `@keyv/redis` takes, except a cluster: a URL, options of a node-redis client or sentinel, or a client.
 */
export type ConnectionArgument = Locations | Location | RedisClientOptions | SentinelOptions;

/** A connection argument as the store takes it. */
export interface Connection {
  readonly locations?: Locations | undefined;
  /** From the node-redis option `socket.connectTimeout`. */
  readonly connectTimeoutMs?: number | undefined;
}

/** Fields of a location that are no options of a node-redis client. */
const LOCATION_FIELDS = ['host', 'port', 'path', 'client', 'weight', 'tls', 'clientOptions'];

/**
 * Converts the first argument of `createKeyv()` to locations.
 *
 * @throws InvalidOptionError for options of a cluster, and for options that contradict each other
 */
export function toConnection(given: ConnectionArgument | null | undefined): Connection {
  if (given === undefined || given === null) return {};
  if (typeof given === 'string')
    return { locations: isOneUrl(given.trim()) ? [{ url: given.trim() }] : given };
  if (typeof given === 'function') return { locations: [given] };
  if (typeof given !== 'object' || isList(given)) return { locations: given };
  if ('rootNodes' in given) {
    throw new InvalidOptionError(
      'createKeyv() got options of a cluster client, which shards by itself; list the nodes one by one',
    );
  }
  if ('sentinelRootNodes' in given) {
    return { locations: [{ name: given.name, client: () => makeSentinel(given) }] };
  }
  if ('connect' in given) return { locations: [nameless(given) ? { name: 'redis', client: given } : given] };
  if (given instanceof URL || LOCATION_FIELDS.some((field) => field in given)) {
    return { locations: [given as LocationOptions] };
  }
  return fromClientOptions(given as RedisClientOptions);
}

function isList(given: object): given is readonly Location[] {
  return Array.isArray(given);
}

/** Whether a client's options have no address to name the node after, as those of a sentinel or a pool. */
function nameless(client: RedisClient): boolean {
  return client.options === undefined && !('slots' in client);
}

/**
 * Whether a string is one URL although its user name or password contains a separator of locations. In a list,
 * each location with a password has a scheme.
 */
function isOneUrl(text: string): boolean {
  const [scheme = '', ...rest] = text.split('://');
  if (!/^rediss?$/i.test(scheme) || rest.length !== 1) return false;
  const login = (rest[0] as string).slice(0, Math.max(0, text.lastIndexOf('@') - `${scheme}://`.length));
  return /[;,]/.test(login) && !/[/?#]/.test(login);
}

/**
 * Converts options of a node-redis client. If they contain a URL, it wins over the other options, as in
 * node-redis. The store reconnects by itself, and never queues commands while it is not connected, so it needs
 * neither `socket.reconnectStrategy` nor `disableOfflineQueue`.
 */
function fromClientOptions(given: RedisClientOptions): Connection {
  const { url, socket, username, password, database, disableOfflineQueue: _, ...clientOptions } = given;
  const {
    host,
    port,
    path,
    tls,
    connectTimeout,
    reconnectStrategy: __,
    ...socketOptions
  }: SocketOptions = socket ?? {};
  const beside = { username, password, database, clientOptions: { ...clientOptions, socket: socketOptions } };
  const address = url === undefined ? { host, port, path, tls } : fromUrl(url, { port, tls });
  return {
    locations: [{ ...beside, ...address } as LocationOptions],
    // Zero means no limit in node-redis.
    connectTimeoutMs: connectTimeout || undefined,
  };
}

/** The socket options that the store sets itself, and any others. */
interface SocketOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly tls?: boolean | undefined;
  readonly connectTimeout?: number | undefined;
  readonly reconnectStrategy?: unknown;
}

function fromUrl(url: string, { port, tls }: SocketOptions): LocationOptions {
  if (!URL.canParse(url)) return { url };
  const parsed = new URL(url);
  if (tls !== undefined && tls !== (parsed.protocol === 'rediss:')) {
    throw new InvalidOptionError(
      'createKeyv() got a url that contradicts socket.tls: rediss:// means TLS, and redis:// means none',
    );
  }
  const needsPort = parsed.port === '' && port !== undefined;
  if (needsPort) parsed.port = String(port);
  return {
    url: needsPort ? parsed.href : url,
    ...(parsed.username || parsed.password ? { username: undefined, password: undefined } : {}),
    ...(parsed.pathname.length > 1 ? { database: undefined } : {}),
  };
}
