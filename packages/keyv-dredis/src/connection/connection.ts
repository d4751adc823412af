import { types } from 'node:util';
import { SocketClosedUnexpectedlyError } from 'redis';
import type { RedisClient } from './redis-client.js';

/** What a connection tells its node, unasked. */
export interface ConnectionListener {
  /** Commands cannot go out any more. */
  lost(cause: unknown): void;
  /** Commands can go out again: a client of the caller's has mended itself. */
  mended(): void;
}

/** The connection of one node. It knows whether commands can go out; when to try again is not its business. */
export interface Connection {
  readonly client: RedisClient;
  /** Commands can go out. */
  readonly ready: boolean;
  /** Resolves once commands can go out; rejects when the attempt under way fails. One at a time. */
  connect(): Promise<void>;
  /** The server has gone silent: this connection is worth nothing any more. */
  distrust(): void;
  /** Ends it. Never rejects. @param graceMs how long replies in flight may still come in */
  close(graceMs: number): Promise<void>;
}

export const ignore = () => undefined;

/** Why an attempt was given up. */
export function noGreeting(timeoutMs: number): Error {
  return new Error(`no greeting within ${timeoutMs} ms (connectTimeoutMs)`);
}

/** The same with TLS: a server without waits in silence for the rest of what it takes for a command. */
export function noHandshake(timeoutMs: number): Error {
  return new Error(`no TLS handshake within ${timeoutMs} ms (connectTimeoutMs; does the server speak TLS?)`);
}

/** Whether a server closed the connection, and said no more than that. */
export function isHangUp(error: unknown): error is Error {
  return (
    error instanceof SocketClosedUnexpectedlyError ||
    (types.isNativeError(error) && 'code' in error && /^(ECONNRESET|EPIPE)$/.test(String(error.code)))
  );
}

/** A server that hangs up on a greeting does not say why: it may want TLS, for one. */
export function hungUp(cause: Error, tls: boolean): Error {
  const hint = tls
    ? 'does it speak TLS, and does it want a client certificate, tls: { cert, key }?'
    : 'is it a Redis server, and does it want TLS?';
  return new Error(`closed the connection before the greeting: ${cause.message} (${hint})`, { cause });
}

/** What the greeting was answered with makes no sense to the client. */
export function notRedis(cause: unknown): Error {
  return new Error('what answers is not a Redis server (correct the host or the port of its location)', {
    cause,
  });
}

/** What came from a server that had greeted us makes no sense to the client. */
export function unreadable(cause: unknown): Error {
  return new Error('it sent a reply that cannot be read', { cause });
}

/** Why a client of the caller's is not opened. */
export function closedByOwner(): Error {
  return new Error('its client was closed');
}

/** Lets replies in flight come in, also those of commands that the user sent through the client. */
export async function closeClient(client: RedisClient, graceMs: number): Promise<void> {
  try {
    await atMost(graceMs, Promise.resolve(client.close()));
  } catch {
    // Closing is all that is left to do: whatever ended the connection first did it for us.
  }
}

/** Waits for something, and no longer than so many milliseconds. Rejects when it does. */
export async function atMost(ms: number, something: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([something, late]);
  } finally {
    clearTimeout(timer);
  }
}
