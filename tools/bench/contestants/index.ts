import type { NodeDownPolicy } from '../../../packages/keyv-dredis/src/config/options.js';
import type { Contestant, Servers } from '../harness/contestant.js';

/**
 * Everybody. Their libraries are imported where they are opened: each contestant has a process of its own, and
 * nothing in it that is not its own.
 */
const nodes = (count: number): Servers => ({ kind: 'nodes', count });
const NAMESPACED = { by: 'contestant', separator: ':' } as const;
const KEYV_REDIS = { by: 'contestant', separator: '::' } as const;
const WHOLE_KEYS = { by: 'caller', separator: ':' } as const;

const dredis = (count: number): Contestant => ({
  id: count === 4 ? 'dredis' : `dredis-${count}`,
  label: `DRedisStore, ${count} server${count === 1 ? '' : 's'}`,
  servers: nodes(count),
  prefix: NAMESPACED,
  open: async (options) => (await import('./dredis.js')).openBare(options),
});

const nodeDownPolicy = (mode: NodeDownPolicy): Contestant => ({
  id: `dredis-${mode}`,
  label: `DRedisStore, ${mode}, 4 servers`,
  servers: nodes(4),
  prefix: NAMESPACED,
  open: async (options) => (await import('./dredis.js')).openWithPolicy(options, mode),
});

const pooled = (size: number): Contestant => ({
  id: `dredis-pool-${size}`,
  label: `DRedisStore, 4 servers, pools of ${size}`,
  servers: nodes(4),
  prefix: NAMESPACED,
  open: async (options) => (await import('./dredis.js')).openPooled(options, size),
});

const spread = (count: number): Contestant => ({
  id: count === 4 ? 'spread' : `spread-${count}`,
  label: `node-redis, timeout: 0, by hand over ${count}`,
  servers: nodes(count),
  prefix: WHOLE_KEYS,
  open: async (options) => (await import('./node-redis.js')).openSpread(options),
});

export const CONTESTANTS: readonly Contestant[] = [
  dredis(4),
  {
    id: 'baseline',
    label: 'DRedisStore, 4 servers (--baseline)',
    servers: nodes(4),
    prefix: NAMESPACED,
    open: async (options) => (await import('./dredis.js')).openBaseline(options),
  },
  {
    id: 'dredis-keyv5',
    label: 'DRedisStore under Keyv 5, 4 servers',
    servers: nodes(4),
    prefix: NAMESPACED,
    open: async (options) => (await import('./dredis.js')).openUnderKeyv5(options),
  },
  {
    id: 'dredis-keyv6',
    label: 'DRedisStore under Keyv 6, 4 servers',
    servers: nodes(4),
    prefix: NAMESPACED,
    open: async (options) => (await import('./dredis.js')).openUnderKeyv6(options),
  },
  spread(4),
  {
    id: 'node-redis-defaults',
    label: 'node-redis, its defaults, 1 server',
    servers: nodes(1),
    prefix: WHOLE_KEYS,
    open: async (options) => (await import('./node-redis.js')).openWithDefaults(options),
  },
  {
    id: 'node-redis',
    label: 'node-redis, timeout: 0, 1 server',
    servers: nodes(1),
    prefix: WHOLE_KEYS,
    open: async (options) => (await import('./node-redis.js')).openWithoutTimeout(options),
  },
  {
    id: 'ioredis',
    label: 'ioredis, auto-pipelining, 1 server',
    servers: nodes(1),
    prefix: WHOLE_KEYS,
    open: async (options) => (await import('./ioredis.js')).openAutoPipelining(options),
  },
  {
    id: 'keyv-redis',
    label: '@keyv/redis, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openBare(options),
  },
  {
    id: 'keyv-redis-keyv5',
    label: '@keyv/redis under Keyv 5, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openUnderKeyv5(options),
  },
  {
    id: 'keyv-redis-keyv6',
    label: '@keyv/redis under Keyv 6, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openUnderKeyv6(options),
  },
  {
    id: 'keyv-redis-cluster',
    label: '@keyv/redis, cluster of 4',
    servers: { kind: 'cluster' },
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openOnCluster(options),
  },
  {
    id: 'node-redis-cluster',
    label: 'node-redis, cluster of 4',
    servers: { kind: 'cluster' },
    prefix: WHOLE_KEYS,
    open: async (options) => (await import('./node-redis.js')).openCluster(options),
  },
  {
    id: 'twemproxy',
    label: 'node-redis, timeout: 0, twemproxy, 4',
    servers: { kind: 'twemproxy' },
    prefix: WHOLE_KEYS,
    open: async (options) => (await import('./node-redis.js')).openThroughTwemproxy(options),
  },
  ...[1, 16, 64].map(dredis),
  ...[2, 4].map(pooled),
  ...[1, 16, 64].map(spread),
  ...(['error', 'miss', 'failover'] as const).map(nodeDownPolicy),
  {
    id: 'keyv-redis-defaults',
    label: '@keyv/redis, its defaults, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openWithDefaults(options),
  },
  {
    id: 'keyv-redis-replicated',
    label: '@keyv/redis, its defaults, cluster of 3, a replica each',
    servers: { kind: 'replicated' },
    prefix: KEYV_REDIS,
    open: async (options) => (await import('./keyv-redis.js')).openOnReplicated(options),
  },
];

/** Those of most scenarios: one of each kind. */
export const EVERYBODY = [
  ...['dredis', 'baseline', 'dredis-keyv5', 'dredis-keyv6', 'spread'],
  ...['node-redis-defaults', 'node-redis', 'ioredis'],
  ...['keyv-redis', 'keyv-redis-keyv5', 'keyv-redis-keyv6'],
  ...['keyv-redis-cluster', 'node-redis-cluster', 'twemproxy'],
];

export function contestant(id: string): Contestant {
  const found = CONTESTANTS.find((one) => one.id === id);
  if (found === undefined) {
    throw new Error(
      `there is no contestant "${id}"; there are ${CONTESTANTS.map((one) => one.id).join(', ')}`,
    );
  }
  return found;
}
