import { types } from 'node:util';
import { ErrorReply, type AnyRedisClientOptions as RedisClientOptions } from 'redis';

/**
 * The part of a node-redis client, pool or sentinel that the store uses. The type is structural, so
 * it also accepts clients with modules, and clients from another copy of the `redis` package.
 */
export interface RedisClient {
  /** Whether `connect()` was called. The client may still be connecting. */
  readonly isOpen: boolean;
  /** Whether commands can be sent. A pool does not have this property. */
  readonly isReady?: boolean;
  /** The client's options. */
  readonly options?: RedisClientOptions | undefined;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Closes the connection after the replies in flight. */
  close(): unknown;
  /** Closes the connection at once. */
  destroy(): unknown;
  /** Adds a listener. */
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  /** Removes a listener. */
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  /** Sends a command. */
  sendCommand(...args: never[]): Promise<unknown>;
}

/** Whether a value is a node-redis client, pool or sentinel, open or not. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== 'object' || value === null) return false;
  const has = (method: string) => method in value && typeof Reflect.get(value, method) === 'function';
  return 'isOpen' in value && ['connect', 'on', 'sendCommand', 'mGet'].every(has) && !isCluster(value);
}

/**
 * Whether a client is a cluster client. The store cannot use a cluster client, because such a client shards
 * by itself, and rejects an MGET with keys from several slots.
 */
export function isCluster(value: object): boolean {
  return 'slots' in value && 'masters' in value;
}

/** Whether commands can be sent now. */
export function isReady(client: RedisClient): boolean {
  // A client that is being closed after the replies in flight is ready but not open.
  return client.isOpen && (client.isReady ?? true);
}

/** Messages of errors that node-redis itself makes, versions 4 to 6. */
const CLIENT_ERRORS =
  /^(The (client|command) (is|was) |Socket |Connection timeout|Disconnects client|Command timeout|All the root nodes|One \(or more\) of the watched|Cannot send|Invalid |Unknown RESP)/;

const NO_REPLICA = /^no replicas available for read/;

/** Whether a sentinel client could not send a read, because it has no replica at the moment. */
export function isWithoutReplica(error: unknown): boolean {
  return types.isNativeError(error) && NO_REPLICA.test(error.message);
}

/**
 * Whether an error is the reply of a server. A client of another copy of `redis` has another ErrorReply class,
 * and a minifier changes its name: its replies are the errors that are neither made by node-redis itself nor
 * by the system, which sets a `code`.
 */
export function isErrorReply(error: unknown): error is Error {
  if (error instanceof ErrorReply) return true;
  return types.isNativeError(error) && !('code' in error) && !isClientError(error);
}

/** The error for an error reply that a script has returned as text. */
export function errorReply(message: string): Error {
  return new ErrorReply(message);
}

function isClientError(error: Error): boolean {
  return (
    error instanceof AggregateError ||
    error.name !== 'Error' ||
    CLIENT_ERRORS.test(error.message) ||
    isWithoutReplica(error)
  );
}
