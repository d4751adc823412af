import { toConnection } from '../config/connection-argument.js';
import { type NodeDescription, parseNodes } from '../config/locations.js';
import type { ResolvedOptions } from '../config/options.js';
import { resolveOptions } from '../config/validation.js';
import { InvalidOptionError } from '../errors/errors.js';
import type { Absence } from '../node/absence.js';
import { ringOf } from '../sharding/topology.js';
import type { CommonOptions } from './command.js';
import { UsageError } from './exit-status.js';

/** CLIENT LIST shows it, so that `status` does not count itself. */
export const CLI_TAG = 'keyv-dredis-cli';

/** A list that is written as JSON. An IPv6 address also begins with a bracket. */
const JSON_LIST = /^\s*\[\s*["'{[\]]/;

/** Which servers to use. */
export interface ServerSource {
  /** Name of the option or argument in messages. */
  readonly where: string;
  readonly locations: string;
  readonly database?: number | undefined;
}

/** @throws UsageError if there are no locations */
export function sourceOf({ nodes, database }: CommonOptions, where = '--nodes'): ServerSource {
  if (!nodes?.trim()) {
    throw new UsageError(
      'Which servers? Pass --nodes with the servers of the cache, or set DREDIS_NODES: ' +
        '--nodes 10.0.0.1:6379,10.0.0.2:6379',
    );
  }
  return { where, locations: nodes, database };
}

/** The options of all connections. @param password for locations without one; otherwise DREDIS_PASSWORD */
export function connectionOptions(
  { database }: { readonly database?: number | undefined },
  password?: string,
): ResolvedOptions {
  return resolveOptions({
    database,
    password: password ?? (process.env['DREDIS_PASSWORD'] || undefined),
    clientOptions: { clientInfoTag: CLI_TAG },
  });
}

/** @throws UsageError if the locations are not allowed; the message never shows a credential */
export function describeServers(
  { where, locations, database }: ServerSource,
  password?: string,
): readonly NodeDescription[] {
  try {
    return parseNodes(
      JSON_LIST.test(locations) ? parseList(locations) : (toConnection(locations).locations ?? []),
      connectionOptions({ database }, password),
    );
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new UsageError(`${where}: ${error.message}`);
    throw error;
  }
}

/** The list may hold objects with a name and a weight, as the constructor of the store takes them. */
function parseList(json: string): never {
  try {
    return JSON.parse(json) as never;
  } catch {
    // The parser's message shows a part of the text, which may be a password.
    throw new InvalidOptionError(
      'a text that begins with [ must be JSON, as in [{"url":"redis://10.0.0.1","name":"cache-1","weight":2}] ' +
        '(not shown, as it may contain a password)',
    );
  }
}

/** A node on a ring, or beside it. */
export interface RingMember {
  readonly name: string;
  readonly weight: number;
  /** Undefined if the node is in service. */
  readonly state?: Absence | undefined;
}

/** Nodes, and their ring. */
export function ringWith(nodes: readonly RingMember[]) {
  return { nodes: nodes.map(({ name, weight, state }) => ({ name, weight, state })), ring: ringOf(nodes) };
}

/** The share of the keys that each node would have on a perfect ring, by name. Nodes that are away have none. */
export function idealShares(nodes: readonly RingMember[]): Map<string, number> {
  const present = nodes.filter(({ state }) => state !== 'away');
  const total = present.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(present.map(({ name, weight }) => [name, total === 0 ? 0 : weight / total]));
}
