import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { noop } from '../connection/connection.js';
import { isRedisClient, type RedisClient } from '../connection/redis-client.js';
import { kindOf } from '../errors/describe.js';
import { InvalidOptionError } from '../errors/errors.js';
import { DEFAULT_HOST, hostToConnect } from './host-name.js';
import {
  type CheckedLocation,
  checkLocations,
  type LocationOptions,
  type Locations,
} from './location-options.js';
import { DEFAULT_PORT, nameOfClient, nodeName } from './node-name.js';
import type { ConnectionDefaults, ResolvedOptions } from './options.js';

export type { Location, LocationOptions, Locations } from './location-options.js';

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

/**
 * Parses locations. Opens no connection.
 *
 * @throws InvalidOptionError if the list is empty, an entry is invalid, or two nodes have the same name; the
 * message never shows text that may be a credential
 */
export function parseLocations(locations: Locations, defaults: ResolvedOptions): readonly NodeDescription[] {
  const descriptions = parseNodes(locations, defaults);
  if (descriptions.every(({ weight }) => weight === 0)) {
    descriptions.forEach(discard);
    throw new InvalidOptionError('locations must have at least one node with a weight above 0');
  }
  return descriptions;
}

/** Like {@link parseLocations}, but none of the nodes needs a weight above 0, because there are others. */
export function parseNodes(locations: Locations, defaults: ResolvedOptions): readonly NodeDescription[] {
  // Checks all locations first. An invalid one can show that the others are pieces of a password.
  const checked = checkLocations(locations);
  const descriptions: NodeDescription[] = [];
  const names = new Set<string>();
  try {
    for (const location of checked) {
      const description = describeNode(location, defaults);
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
  { where, written, given }: CheckedLocation,
  defaults: ResolvedOptions,
): NodeDescription {
  if (given.client !== undefined) return fromClient(given, given.client, where);
  const own: LocationOptions = {
    ...written,
    // rediss:// turns TLS on; the certificates come from the store's options.
    ...(written.tls && typeof defaults.tls === 'object' ? { tls: defaults.tls } : {}),
    ...withoutUndefined(given),
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
      ...withoutUndefined({ family: written.family }),
      ...own.clientOptions?.socket,
      ...(path === undefined ? { host: hostToConnect(host), port } : { path }),
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
  const name = given.name ?? nameOfClient(client, where);
  if (name === undefined) {
    throw new InvalidOptionError(
      `${where} is a client without an address in its options; give it a name: { name, client }`,
    );
  }
  return { name, weight, source: { kind: 'client', client }, secrets: secretsOf(options?.password) };
}

function secretsOf(password: string | undefined): readonly string[] {
  return password ? [...new Set([password, encodeURIComponent(password)])] : [];
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
