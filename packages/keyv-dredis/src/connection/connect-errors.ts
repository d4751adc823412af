/** Errors that explain why a connection could not be opened, or was lost. */
import { types } from 'node:util';
import { SocketClosedUnexpectedlyError } from 'redis';

/** Not an error reply of a server. */
class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

export function noGreeting(timeoutMs: number): Error {
  return new ConnectError(`no greeting within ${timeoutMs} ms (connectTimeoutMs)`);
}

/**
 * A server without TLS mistakes the handshake for the start of a command, and silently waits for the rest.
 */
export function noHandshake(timeoutMs: number): Error {
  return new ConnectError(
    `no TLS handshake within ${timeoutMs} ms (connectTimeoutMs; does the server speak TLS?)`,
  );
}

/** Whether the server closed the connection without giving a reason. */
export function isHangUp(error: unknown): error is Error {
  return (
    error instanceof SocketClosedUnexpectedlyError ||
    (types.isNativeError(error) && 'code' in error && /^(ECONNRESET|EPIPE)$/.test(String(error.code)))
  );
}

/** The server closed the connection before the greeting. */
export function hungUp(cause: Error, tls: boolean): Error {
  const hint = tls
    ? 'does it speak TLS, and does it require a client certificate, tls: { cert, key }?'
    : 'is it a Redis server, and does it require TLS?';
  return new ConnectError(`closed the connection before the greeting: ${cause.message} (${hint})`, { cause });
}

/** The client cannot parse the reply to the greeting. */
export function notRedis(cause: unknown): Error {
  return new ConnectError(
    'the other side is not a Redis server (correct the host or the port of its location)',
    {
      cause,
    },
  );
}

/** After the greeting, the server sent a reply that the client cannot parse. */
export function unreadable(cause: unknown): Error {
  return new ConnectError('it sent a reply that cannot be parsed', { cause });
}

/** The caller closed its client. The store does not open it again. */
export function closedByOwner(): Error {
  return new ConnectError('its client was closed');
}
