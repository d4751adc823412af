export { ping } from './ping.js';
export { type RedisLocations, redisLocations } from './redis-locations.js';
export { type RedisServer, type RedisServers, type StartOptions, startRedis } from './start-redis.js';
