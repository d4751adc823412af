import { atMost } from './at-most.js';
import type { RedisClient } from './redis-client.js';

/** Receives the events of a connection. */
export interface ConnectionListener {
  /** The connection is lost: no more commands can be sent. */
  lost(cause: unknown): void;
  /** A client of the caller has reconnected by itself. */
  reconnected(): void;
}

/** The connection of one node. Its node decides when to reconnect. */
export interface Connection {
  readonly client: RedisClient;
  /** Whether commands can be sent. */
  readonly ready: boolean;
  /** Resolves once commands can be sent; rejects if the attempt fails. Concurrent calls share an attempt. */
  connect(): Promise<void>;
  /** Drops a connection whose server is silent. */
  drop(): void;
  /** Closes the connection. Never rejects. @param graceMs milliseconds to wait for replies in flight */
  close(graceMs: number): Promise<void>;
}

export const noop = () => undefined;

/** Closes a client after the replies in flight, also those of commands that the user sent. Never rejects. */
export async function closeClient(client: RedisClient, graceMs: number): Promise<void> {
  try {
    await atMost(graceMs, Promise.resolve(client.close()));
  } catch {
    // The client is closed already.
  }
}
