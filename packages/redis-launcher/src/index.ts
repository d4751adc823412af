export { ask } from './ask.js';
export { ping } from './ping.js';
export { type RedisLocations, redisLocations } from './redis-locations.js';
export { type ClusterOptions, firstSlot, isLinked, SLOT_COUNT, startCluster } from './start-cluster.js';
export { type RedisServer, type RedisServers, type StartOptions, startRedis } from './start-redis.js';
export { startTwemproxy, type Twemproxy, type TwemproxyOptions } from './start-twemproxy.js';
