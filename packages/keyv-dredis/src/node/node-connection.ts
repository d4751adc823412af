import type { ClientSource } from '../config/locations.js';
import type { Connection, ConnectionListener } from '../connection/connection.js';
import { ExternalConnection } from '../connection/external-connection.js';
import { ManagedConnection } from '../connection/managed-connection.js';

/** Time limits of a connection, in milliseconds. */
export interface ConnectionLimits {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/** Creates the connection of a node. Does not open it. */
export function makeConnection(
  source: ClientSource,
  { connectTimeoutMs, commandTimeoutMs }: ConnectionLimits,
  listener: ConnectionListener,
): Connection {
  if (source.kind === 'options')
    return new ManagedConnection(source.clientOptions, connectTimeoutMs, commandTimeoutMs / 2, listener);
  const client = source.kind === 'client' ? source.client : source.made;
  return new ExternalConnection(client, source.kind === 'factory', connectTimeoutMs, listener);
}
