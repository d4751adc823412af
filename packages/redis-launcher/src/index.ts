/**
 * Starts real Redis servers, Redis Clusters, Redis Sentinels and twemproxy on loopback, for tests, benches and tools.
 *
 *     await using redis = await startRedis({ count: 2 });
 *     redis.locations; // ['127.0.0.1:12345', '127.0.0.1:23456']
 *
 * It uses redis-server or valkey-server from PATH. If neither is there, it tries to install one. If that is
 * not possible, it uses Docker. A **supervisor** process owns the servers. When this process ends, even by
 * SIGKILL, the supervisor stops the servers and deletes their folder.
 */
export { ask } from './ask.js';
export { ping } from './ping.js';
export { type RedisLocations, redisLocations } from './redis-locations.js';
export { type ClusterOptions, firstSlot, isLinked, SLOT_COUNT, startCluster } from './start-cluster.js';
export { type RedisServer, type RedisServers, type StartOptions, startRedis } from './start-redis.js';
export {
  type Sentinel,
  type SentinelGroup,
  type SentinelGroupOptions,
  type SentinelOptions,
  startSentinel,
  startSentinelGroup,
} from './start-sentinel.js';
export { startTwemproxy, type Twemproxy, type TwemproxyOptions } from './start-twemproxy.js';
