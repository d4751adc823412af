import { types } from 'node:util';
import { adviceFor } from './advice.js';

/**
 * Stable codes of {@link DRedisError}: branch on these, never on the text of a message.
 *
 * - `DREDIS_INVALID_OPTION`: an option or a location is not what is allowed; nothing was opened.
 * - `DREDIS_INVALID_ARGUMENT`: a key, value or expiry cannot be stored; nothing was sent.
 * - `DREDIS_NODE_UNAVAILABLE`: the node cannot be reached, or is down; the outcome of a write that was already
 *   on its way is unknown.
 * - `DREDIS_COMMAND_TIMEOUT`: no reply within `commandTimeoutMs`; the outcome of a write is unknown.
 * - `DREDIS_COMMAND_FAILED`: the server answered with an error; `cause` is its reply.
 * - `DREDIS_CLEAR_INCOMPLETE`: `clear()` failed on the nodes in `nodes`.
 * - `DREDIS_CLEAR_REFUSED`: `clear()` without a namespace, on a database that holds other keys too.
 * - `DREDIS_CONNECT_INCOMPLETE`: `connect()` did not reach the nodes in `nodes`.
 * - `DREDIS_NAMESPACE_AMBIGUOUS`: `clear()` on a store that Keyv instances of different namespaces
 *   share.
 * - `DREDIS_CLOSED`: the store was disconnected, or the node was retired and is closed.
 */
export type DRedisErrorCode =
  | 'DREDIS_INVALID_OPTION'
  | 'DREDIS_INVALID_ARGUMENT'
  | 'DREDIS_NODE_UNAVAILABLE'
  | 'DREDIS_COMMAND_TIMEOUT'
  | 'DREDIS_COMMAND_FAILED'
  | 'DREDIS_CLEAR_INCOMPLETE'
  | 'DREDIS_CLEAR_REFUSED'
  | 'DREDIS_CONNECT_INCOMPLETE'
  | 'DREDIS_NAMESPACE_AMBIGUOUS'
  | 'DREDIS_CLOSED';

interface Details {
  readonly node?: string;
  readonly cause?: unknown;
}

/** Every error that the store throws, rejects with or emits. It never holds a credential. */
export class DRedisError extends Error {
  override readonly name: string = 'DRedisError';
  readonly code: DRedisErrorCode;
  /** Name of the node that failed, where one did. */
  readonly node: string | undefined;

  constructor(code: DRedisErrorCode, message: string, { node, cause }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.node = node;
  }
}

/** An option or a location is not what is allowed. Thrown by the constructor, never later. */
export class InvalidOptionError extends DRedisError {
  override readonly name = 'InvalidOptionError';
  declare readonly code: 'DREDIS_INVALID_OPTION';

  constructor(message: string) {
    super('DREDIS_INVALID_OPTION', message);
  }
}

/** A key, a value or an expiry cannot be stored. Nothing was sent. */
export class InvalidArgumentError extends DRedisError {
  override readonly name = 'InvalidArgumentError';
  declare readonly code: 'DREDIS_INVALID_ARGUMENT';

  constructor(message: string) {
    super('DREDIS_INVALID_ARGUMENT', message);
  }
}

/**
 * The node cannot be reached, was lost while it worked on a command, or is down for what `cause` says:
 * three timeouts in a row, or the server's own word that it cannot serve.
 */
export class NodeUnavailableError extends DRedisError {
  override readonly name = 'NodeUnavailableError';
  declare readonly code: 'DREDIS_NODE_UNAVAILABLE';

  constructor(node: string, cause: unknown) {
    super('DREDIS_NODE_UNAVAILABLE', `Node ${node} is unavailable: ${explain(cause)}`, { node, cause });
  }
}

/** The node did not answer in time. A write may or may not have happened. */
export class CommandTimeoutError extends DRedisError {
  override readonly name = 'CommandTimeoutError';
  declare readonly code: 'DREDIS_COMMAND_TIMEOUT';

  constructor(node: string, timeoutMs: number) {
    super('DREDIS_COMMAND_TIMEOUT', `Node ${node} did not answer within ${timeoutMs} ms (commandTimeoutMs)`, {
      node,
    });
  }
}

/** The server answered with an error, for example OOM, READONLY or WRONGTYPE. */
export class CommandFailedError extends DRedisError {
  override readonly name = 'CommandFailedError';
  declare readonly code: 'DREDIS_COMMAND_FAILED';

  constructor(node: string, cause: unknown) {
    super('DREDIS_COMMAND_FAILED', `Node ${node} refused a command: ${explain(cause)}`, { node, cause });
  }
}

/** A call that had to succeed on every node failed on some of them. */
export class PartialFailureError extends DRedisError {
  override readonly name = 'PartialFailureError';
  declare readonly code: 'DREDIS_CLEAR_INCOMPLETE' | 'DREDIS_CONNECT_INCOMPLETE';
  /** One error per failed node. */
  readonly errors: readonly DRedisError[];
  /** Names of the failed nodes. */
  readonly nodes: readonly string[];

  constructor(
    code: 'DREDIS_CLEAR_INCOMPLETE' | 'DREDIS_CONNECT_INCOMPLETE',
    action: string,
    errors: readonly DRedisError[],
  ) {
    super(code, `${action}: ${errors.map((error) => error.message).join('; ')}`, { cause: errors[0] });
    this.errors = errors;
    this.nodes = errors.map((error) => error.node ?? 'unknown');
  }
}

/** What was in the way, and what to do about it. */
function explain(cause: unknown): string {
  const advice = adviceFor(cause);
  return advice === undefined ? messageOf(cause) : `${messageOf(cause).replace(/\.$/, '')} (${advice})`;
}

/** The text of whatever was thrown; of a group of errors (a host with two addresses), of each. */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError) return [...new Set(cause.errors.map(messageOf))].join(', ');
  if (!types.isNativeError(cause)) return String(cause);
  // Its node was named before.
  if (cause instanceof DRedisError) return cause.message.replace(`Node ${cause.node} `, 'it ');
  // OpenSSL's message is a line of its log, with addresses and file names; the reason is in there.
  return 'library' in cause && 'reason' in cause ? `${cause.library}: ${cause.reason}` : cause.message;
}

/**
 * The same error without the secrets in its text. A server can echo them: one that does not know
 * HELLO answers `unknown command, with args beginning with: 3 AUTH default <password>`.
 */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (secrets.length === 0 || !(error instanceof Error)) return error;
  if (error instanceof AggregateError) {
    return new AggregateError(error.errors.map((each) => withoutSecrets(each, secrets)));
  }
  const text = `${error.message}\n${error.stack}\n${error.cause instanceof Error ? error.cause.message : ''}`;
  if (!secrets.some((secret) => text.includes(secret))) return error;
  const mask = (message: string) =>
    secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), message);
  const masked = new Error(mask(error.message));
  masked.name = error.name;
  return masked;
}
