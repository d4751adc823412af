import { atMost } from './at-most.js';
import type { RedisClient } from './redis-client.js';

/** Receives the events of a connection. */
export interface ConnectionListener {
  /** The connection is lost: no more commands can be sent. */
  lost(cause: unknown): void;
  /** The caller's client has reconnected by itself. */
  reconnected(): void;
}

/** A node's connection. The node decides when to reconnect. */
export interface Connection {
  readonly client: RedisClient;
  /** Whether commands can be sent. */
  readonly ready: boolean;
  /** Resolves once commands can be sent; rejects if the attempt fails. Concurrent calls share an attempt. */
  connect(): Promise<void>;
  /** Drops the connection, because the server does not reply. */
  drop(): void;
  /** Closes the connection. Never rejects. @param graceMs milliseconds to wait for replies in flight */
  close(graceMs: number): Promise<void>;
}

export const noop = () => undefined;

/**
 * Closes a client after all replies in flight, including replies to the user's own commands. Never rejects.
 */
export async function closeClient(client: RedisClient, graceMs: number): Promise<void> {
  try {
    await atMost(graceMs, Promise.resolve(client.close()));
  } catch {
    // The client was already closed.
  }
}
