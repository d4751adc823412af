import { isDeepStrictEqual } from 'node:util';
import { type NodeDescription, parseNodes } from '../config/locations.js';
import { nodeName } from '../config/node-name.js';
import type { ResolvedOptions } from '../config/options.js';
import type { Address } from '../connection/address.js';
import type { RecordedNode } from './record.js';

/** A node as a record contains it. Credentials are left out. */
export function toRecorded({ name, weight, source }: NodeDescription): RecordedNode {
  const client =
    source.kind === 'options'
      ? source.clientOptions
      : (source.kind === 'client' ? source.client : source.made).options;
  const { socket, database = 0 } = (client ?? {}) as { socket?: Address; database?: number };
  return { name, address: nodeName(socket ?? {}), database, weight };
}

type ClientOptions = (NodeDescription['source'] & { kind: 'options' })['clientOptions'];

/**
 * How to connect to a node of a record, which holds no credentials. If one of the locations has the node's name, or else
 * its address, that location is used. Otherwise, the address comes from the record, and user, password and TLS from the
 * locations if they all have the same, else from the options.
 */
export function describeRecorded(
  recorded: RecordedNode,
  locations: readonly NodeDescription[],
  options: ResolvedOptions,
): NodeDescription {
  const { name, address, database, weight } = recorded;
  const known =
    locations.find((location) => location.name === name) ??
    locations.find((location) => {
      const other = toRecorded(location);
      return other.address === address && other.database === database;
    });
  if (known === undefined) {
    const where = address.startsWith('unix:')
      ? { path: address.slice('unix:'.length) }
      : hostAndPort(address);
    const [described] = parseNodes([{ ...where, name, weight, database }], options);
    return withLogin(described as NodeDescription, locations);
  }
  const { source } = known;
  if (source.kind !== 'options' || (source.clientOptions.database ?? 0) === database) {
    return { ...known, name, weight };
  }
  // The record is in this database.
  const clientOptions = { ...source.clientOptions, database } as ClientOptions;
  return { ...known, name, weight, source: { kind: 'options', clientOptions } };
}

/** Adds user, password and TLS of the locations, if they all have the same. */
function withLogin(description: NodeDescription, locations: readonly NodeDescription[]): NodeDescription {
  const own = clientOptionsOf(description);
  const [login, ...others] = locations.map((location) => {
    const { username, password, socket } = clientOptionsOf(location);
    const { host: _, port: __, path: ___, servername: ____, ...tls } = socket as Record<string, unknown>;
    return { username, password, tls, secrets: location.secrets };
  });
  if (login === undefined || !others.every((other) => isDeepStrictEqual(other, login))) return description;
  const { username, password, tls, secrets } = login;
  const clientOptions = {
    ...own,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: { ...own.socket, ...tls },
  } as ClientOptions;
  return { ...description, source: { kind: 'options', clientOptions }, secrets };
}

/** A process that follows a record has no clients of the caller. */
function clientOptionsOf({ source }: NodeDescription): ClientOptions {
  return source.kind === 'options' ? source.clientOptions : ({ socket: {} } as ClientOptions);
}

/** @param address `host:port` or `[IPv6]:port` */
function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
