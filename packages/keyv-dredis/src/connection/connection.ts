import { atMost } from '../timers.js';
import type { RedisClient } from './redis-client.js';

/** Receives the events of a connection. */
export interface ConnectionListener {
  /** The connection is lost: no more commands can be sent. */
  lost(cause: unknown): void;
  /** The server sent a reply that cannot be parsed, so the connection is closed. */
  unreadable(cause: unknown): void;
  /** The caller's client has reconnected by itself. */
  reconnected(): void;
  /** A key that was read with tracking has changed. @param key undefined for all keys */
  invalidated(key: string | undefined): void;
}

/** A node's connection. The node decides when to reconnect. */
export interface Connection {
  readonly client: RedisClient;
  /** Identifies the server within this process: its address, or the caller's client. */
  readonly server: unknown;
  /** Whether the store may replace the connection, because it created the client. */
  readonly isReplaceable: boolean;
  /** Whether commands can be sent. */
  readonly ready: boolean;
  /** Whether the connection tells {@link ConnectionListener.invalidated}. */
  readonly tellsInvalidations: boolean;
  /** Returns the current addresses of the host name, as text. Undefined if there is no host name. */
  readonly resolveHost?: (() => Promise<string>) | undefined;
  /**
   * Whether bytes of a reply came in, or bytes of a request went out, within the last `quietMs`. False if the
   * connection does not know.
   */
  readonly isMoving: boolean;
  /** Resolves once commands can be sent; rejects if the attempt fails. Concurrent calls share an attempt. */
  connect(): Promise<void>;
  /**
   * Closes the connection after the replies in flight, so that {@link Connection.connect} opens a new one. Does
   * nothing unless the connection is replaceable.
   *
   * @param graceMs milliseconds to wait for replies in flight
   */
  replace(graceMs: number): void;
  /** Drops the connection, because the server does not reply. */
  drop(): void;
  /** Closes the connection. Never rejects. @param graceMs milliseconds to wait for replies in flight */
  close(graceMs: number): Promise<void>;
}

export const noop = () => undefined;

/**
 * Closes a client after all replies in flight, including replies to the user's own commands. Then drops the
 * replies that are still missing. Never rejects.
 *
 * @param graceMs milliseconds to wait for replies in flight
 */
export async function closeClient(client: RedisClient, graceMs: number): Promise<void> {
  try {
    await atMost(graceMs, Promise.resolve(client.close()));
    // If the socket closes while the client waits, the client keeps the commands in flight. It would mistake the
    // first replies of its next connection for the replies to them.
    await client.destroy();
  } catch {
    // The client was already closed.
  }
}
