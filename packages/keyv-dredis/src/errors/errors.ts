import { types } from 'node:util';
import { adviceFor } from './advice.js';

/**
 * Stable codes of {@link DRedisError}. Branch on these, never on the text of a message.
 *
 * - `DREDIS_INVALID_OPTION`: an option or a location is not allowed. No connection was opened.
 * - `DREDIS_INVALID_ARGUMENT`: a key, value, expiry or namespace is not allowed. Nothing was sent.
 * - `DREDIS_NODE_UNAVAILABLE`: the node cannot be reached, or is down. The outcome of a write in flight is
 *   unknown.
 * - `DREDIS_COMMAND_TIMEOUT`: no reply within `commandTimeoutMs`. The outcome of a write is unknown.
 * - `DREDIS_COMMAND_FAILED`: the server replied with an error, which is the `cause`.
 * - `DREDIS_NOT_PRIMARY`: the caller's client is connected to a server that refuses writes, because it is not the
 *   primary. Emitted as an `error` event, once per connection.
 * - `DREDIS_CLEAR_INCOMPLETE`: `clear()` failed on the nodes in `nodes`.
 * - `DREDIS_CLEAR_REFUSED`: `clear()` might remove other programs' keys.
 * - `DREDIS_CONNECT_INCOMPLETE`: `connect()` or `updateNodes()` could not reach the nodes in `nodes`.
 * - `DREDIS_NAMESPACE_AMBIGUOUS`: `clear()` was called, but Keyv instances with different namespaces share
 *   the store.
 * - `DREDIS_TOPOLOGY_SHARED`: `updateNodes()` was called, but all processes of the cache follow a common topology.
 * - `DREDIS_CHANGE_REFUSED`: a change of the topology cannot start. Nothing was changed.
 * - `DREDIS_CHANGE_LOST`: another process has decided a change of the topology meanwhile. This one did not start, or
 *   the other process has finished it.
 * - `DREDIS_CHANGE_INCOMPLETE`: a change of the topology stopped before its end. It can be resumed.
 * - `DREDIS_CLOSED`: the store was disconnected, or the node was removed and is closed.
 */
export type DRedisErrorCode =
  | 'DREDIS_INVALID_OPTION'
  | 'DREDIS_INVALID_ARGUMENT'
  | 'DREDIS_NODE_UNAVAILABLE'
  | 'DREDIS_COMMAND_TIMEOUT'
  | 'DREDIS_COMMAND_FAILED'
  | 'DREDIS_NOT_PRIMARY'
  | 'DREDIS_CLEAR_INCOMPLETE'
  | 'DREDIS_CLEAR_REFUSED'
  | 'DREDIS_CONNECT_INCOMPLETE'
  | 'DREDIS_NAMESPACE_AMBIGUOUS'
  | 'DREDIS_TOPOLOGY_SHARED'
  | 'DREDIS_CHANGE_REFUSED'
  | 'DREDIS_CHANGE_LOST'
  | 'DREDIS_CHANGE_INCOMPLETE'
  | 'DREDIS_CLOSED';

/** Details of a {@link DRedisError}. */
export interface DRedisErrorDetails {
  /** Name of the node that failed. */
  readonly node?: string;
  /** The underlying error. */
  readonly cause?: unknown;
}

/** The same symbol in every copy of this package. */
const BRAND = Symbol.for('keyv-dredis.DRedisError');

/** Every error that the store throws, rejects with or emits. It never holds a credential. */
export class DRedisError extends Error {
  /** Name of the class. */
  override readonly name: string = 'DRedisError';
  /** Stable code to branch on. */
  readonly code: DRedisErrorCode;
  /** Name of the node that failed; undefined if the error is not about a single node. */
  readonly node: string | undefined;

  constructor(code: DRedisErrorCode, message: string, { node, cause }: DRedisErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.node = node;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * Whether a value is an error of a store. Unlike `instanceof`, it also recognizes errors of another copy of
   * this package, such as the CommonJS build beside the ES module build.
   */
  static is(error: unknown): error is DRedisError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}

/** An option or a location is not allowed. No connection was opened. */
export class InvalidOptionError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'InvalidOptionError';
  declare readonly code: 'DREDIS_INVALID_OPTION';

  constructor(message: string) {
    super('DREDIS_INVALID_OPTION', message);
  }
}

/** A key, a value, an expiry or a namespace is not allowed. Nothing was sent. */
export class InvalidArgumentError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'InvalidArgumentError';
  declare readonly code: 'DREDIS_INVALID_ARGUMENT';

  constructor(message: string) {
    super('DREDIS_INVALID_ARGUMENT', message);
  }
}

/** The node cannot be reached, was lost while a command was in flight, or is down. `cause` says why. */
export class NodeUnavailableError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'NodeUnavailableError';
  declare readonly code: 'DREDIS_NODE_UNAVAILABLE';

  constructor(node: string, cause: unknown) {
    super('DREDIS_NODE_UNAVAILABLE', `Node ${node} is unavailable: ${explain(cause)}`, { node, cause });
  }
}

/** The node did not reply in time. It is unknown whether a write took effect. */
export class CommandTimeoutError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'CommandTimeoutError';
  declare readonly code: 'DREDIS_COMMAND_TIMEOUT';

  constructor(node: string, timeoutMs: number) {
    super('DREDIS_COMMAND_TIMEOUT', `Node ${node} did not answer within ${timeoutMs} ms (commandTimeoutMs)`, {
      node,
    });
  }
}

/** The server replied with an error, for example OOM, READONLY or WRONGTYPE. */
export class CommandFailedError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'CommandFailedError';
  declare readonly code: 'DREDIS_COMMAND_FAILED';

  constructor(node: string, cause: unknown) {
    super('DREDIS_COMMAND_FAILED', `Node ${node} refused a command: ${explain(cause)}`, { node, cause });
  }
}

/** A call that must succeed on every node failed on some of them. */
export class PartialFailureError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'PartialFailureError';
  declare readonly code: 'DREDIS_CLEAR_INCOMPLETE' | 'DREDIS_CONNECT_INCOMPLETE';
  /** One error per failed node. */
  readonly errors: readonly DRedisError[];
  /** Names of the failed nodes. */
  readonly nodes: readonly string[];

  constructor(
    code: 'DREDIS_CLEAR_INCOMPLETE' | 'DREDIS_CONNECT_INCOMPLETE',
    summary: string,
    errors: readonly DRedisError[],
  ) {
    super(code, `${summary}: ${errors.map((error) => error.message).join('; ')}`, { cause: errors[0] });
    this.errors = errors;
    this.nodes = errors.map((error) => error.node ?? 'unknown');
  }
}

/** A change of the topology cannot start. Nothing was changed. */
export class ChangeRefusedError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'ChangeRefusedError';
  declare readonly code: 'DREDIS_CHANGE_REFUSED';

  constructor(message: string, details?: DRedisErrorDetails) {
    super('DREDIS_CHANGE_REFUSED', message, details);
  }
}

/** Another process has decided a change of the topology meanwhile. */
export class ChangeLostError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'ChangeLostError';
  declare readonly code: 'DREDIS_CHANGE_LOST';
  /** Epoch of the other change. */
  readonly epoch: number;

  constructor(message: string, epoch: number) {
    super('DREDIS_CHANGE_LOST', message);
    this.epoch = epoch;
  }
}

/** A change of the topology stopped before its end. All processes go on under both rings until it is resumed. */
export class ChangeIncompleteError extends DRedisError {
  /** Name of the class. */
  override readonly name = 'ChangeIncompleteError';
  declare readonly code: 'DREDIS_CHANGE_INCOMPLETE';

  constructor(message: string, details?: DRedisErrorDetails) {
    super('DREDIS_CHANGE_INCOMPLETE', message, details);
  }
}

/** The reason for a failure, followed by advice if there is any. */
function explain(cause: unknown): string {
  const advice = adviceFor(cause);
  return advice === undefined ? messageOf(cause) : `${messageOf(cause).replace(/\.$/, '')} (${advice})`;
}

/**
 * The message of any thrown value. If a host has two addresses and both fail, the value is an AggregateError.
 * The messages of its errors are joined.
 */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError) return [...new Set(cause.errors.map(messageOf))].join(', ');
  if (!types.isNativeError(cause)) return String(cause);
  // The outer message already names the node.
  if (cause instanceof DRedisError) return cause.message.replace(`Node ${cause.node} `, 'it ');
  // OpenSSL's own message is a log line with memory addresses and file names.
  return 'library' in cause && 'reason' in cause ? `${cause.library}: ${cause.reason}` : cause.message;
}
