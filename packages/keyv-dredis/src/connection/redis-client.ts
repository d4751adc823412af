import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';

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
  return client.isReady ?? client.isOpen;
}

/**
 * Whether an error is the server's error reply. Compares class names, because the client may come from
 * another copy of the `redis` package.
 */
export function isErrorReply(error: unknown): error is Error {
  for (let proto = error; proto instanceof Error; proto = Object.getPrototypeOf(proto)) {
    if (proto.constructor.name === 'ErrorReply') return true;
  }
  return false;
}
