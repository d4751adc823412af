import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import type { RedisClient } from '../connection/redis-client.js';
import { InvalidOptionError } from '../errors/errors.js';
import { canonicalHost, DEFAULT_HOST, hostProblem, isPort } from './host-name.js';

export const DEFAULT_PORT = 6379;

/** Where a server listens: a host and a port, or a Unix socket. */
export interface Address {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}

/**
 * A node's default name: `host:port`, followed by `/database` unless the database is 0. All spellings of an
 * address have the same name, because the name decides which keys the node owns.
 */
export function nodeName({ host = DEFAULT_HOST, port = DEFAULT_PORT, path }: Address, database = 0): string {
  const canonical = canonicalHost(host);
  const at =
    path === undefined
      ? `${isIPv6(canonical) ? `[${canonical}]` : canonical}:${port}`
      : `unix:${posix.normalize(path)}`;
  return database === 0 ? at : `${at}/${database}`;
}

/**
 * The default name of a client's node; undefined for a pool or a sentinel, because their options have no
 * address.
 *
 * @throws InvalidOptionError if the client's options have an address that is not valid
 */
export function nameOfClient({ options }: RedisClient, where: string): string | undefined {
  if (options === undefined || 'sentinelRootNodes' in options) return undefined;
  const { host = DEFAULT_HOST, port: givenPort = DEFAULT_PORT, path } = { ...options.socket } as Address;
  const port = Number(givenPort);
  const problem = hostProblem(String(host)) ?? (isPort(port) ? undefined : 'has no port from 1 to 65535');
  if (path === undefined && problem !== undefined) {
    throw new InvalidOptionError(`${where} is a client with a host that ${problem} (not shown here)`);
  }
  return nodeName({ host, port, path }, options.database);
}
