import { createSentinel, type RedisSentinelOptions } from 'redis';
import type { RedisClient } from './redis-client.js';

/** Options of a node-redis sentinel client. */
export type SentinelOptions = RedisSentinelOptions;

/** Creates a sentinel client. Opens no connection. */
export function makeSentinel(options: SentinelOptions): RedisClient {
  return createSentinel(options) as unknown as RedisClient;
}
