import type { AnyRedisClientOptions as RedisClientOptions } from 'redis';

/**
 * What the store needs of a node-redis client, pool or sentinel. Structural, so that a client with
 * modules of its own, or from another copy of the `redis` package, is taken as well.
 */
export interface RedisClient {
  /** `connect()` was called. It says nothing about whether commands can go out. */
  readonly isOpen: boolean;
  /** Commands can go out. A pool has none of its own. */
  readonly isReady?: boolean;
  readonly options?: RedisClientOptions | undefined;
  connect(): Promise<unknown>;
  close(): unknown;
  destroy(): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  sendCommand(...args: never[]): Promise<unknown>;
}

/** Whether a value is a node-redis client, pool or sentinel, opened or not. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== 'object' || value === null) return false;
  const has = (method: string) => method in value && typeof Reflect.get(value, method) === 'function';
  return 'isOpen' in value && ['connect', 'on', 'sendCommand', 'mGet'].every(has) && !isCluster(value);
}

/** A cluster shards by itself, and refuses an MGET over several slots. */
export function isCluster(value: object): boolean {
  return 'slots' in value && 'masters' in value;
}

/** Whether commands can go out now. */
export function isReady(client: RedisClient): boolean {
  return client.isReady ?? client.isOpen;
}

/** Whether the server itself answered with an error. By name: a client may be of another copy of redis. */
export function isErrorReply(error: unknown): error is Error {
  for (let proto = error; proto instanceof Error; proto = Object.getPrototypeOf(proto)) {
    if (proto.constructor.name === 'ErrorReply') return true;
  }
  return false;
}
