import type { NodeDownPolicy } from 'keyv-dredis';
import type { Contestant, Servers } from '../harness/contestant.js';

const nodes = (count: number): Servers => ({ kind: 'nodes', count });
/** A change leaves its topology record on the servers, so other contestants must not use them. */
const CHANGED_NODES: Servers = { kind: 'nodes', count: 5, group: 'changed' };
/** Rate of the contestant that limits its rate. */
export const PACED_KEYS_PER_SECOND = 5_000;
const serverCount = (count: number) => `${count} server${count === 1 ? '' : 's'}`;

const DREDIS_PREFIX = { addedBy: 'contestant', separator: ':' } as const;
const KEYV_REDIS_PREFIX = { addedBy: 'contestant', separator: '::' } as const;
const CLIENT_PREFIX = { addedBy: 'caller', separator: ':' } as const;

// open() imports the contestant's module, so that each process loads only its own contestant's libraries.

const dredis = (count: number): Contestant => ({
  id: count === 4 ? 'dredis' : `dredis-${count}`,
  label: `DRedisStore, ${serverCount(count)}`,
  servers: nodes(count),
  prefix: DREDIS_PREFIX,
  open: async (options) => (await import('./dredis.js')).openAdapter(options),
});

const dredisWithPolicy = (nodeDownPolicy: NodeDownPolicy): Contestant => ({
  id: `dredis-${nodeDownPolicy}`,
  label: `DRedisStore, nodeDownPolicy '${nodeDownPolicy}', 4 servers`,
  servers: nodes(4),
  prefix: DREDIS_PREFIX,
  open: async (options) => (await import('./dredis.js')).openWithPolicy(options, nodeDownPolicy),
});

const dredisWithPools = (poolSize: number): Contestant => ({
  id: `dredis-pool-${poolSize}`,
  label: `DRedisStore, pools of ${poolSize}, 4 servers`,
  servers: nodes(4),
  prefix: DREDIS_PREFIX,
  open: async (options) => (await import('./dredis.js')).openPooled(options, poolSize),
});

/** @param maxKeysPerSecond undefined for no limit */
const dredisResharding = (maxKeysPerSecond: number | undefined): Contestant => ({
  id: `dredis-reshard${maxKeysPerSecond === undefined ? '' : '-paced'}`,
  label: `DRedisStore, reshard()${maxKeysPerSecond === undefined ? '' : `, ${maxKeysPerSecond.toLocaleString('en-US')} keys per second`}`,
  servers: CHANGED_NODES,
  prefix: DREDIS_PREFIX,
  changesServersOf: 'all',
  open: async (options) => (await import('./dredis.js')).openForReshard(options, maxKeysPerSecond),
});

const shardedByHand = (count: number): Contestant => ({
  id: count === 4 ? 'spread' : `spread-${count}`,
  label: `node-redis by hand, timeout: 0, ${serverCount(count)}`,
  servers: nodes(count),
  prefix: CLIENT_PREFIX,
  open: async (options) => (await import('./node-redis.js')).openSharded(options),
});

export const CONTESTANTS: readonly Contestant[] = [
  dredis(4),
  {
    id: 'baseline',
    label: 'DRedisStore of --baseline, 4 servers',
    servers: nodes(4),
    prefix: DREDIS_PREFIX,
    open: async (options) => (await import('./dredis.js')).openBaseline(options),
  },
  {
    id: 'dredis-keyv5',
    label: 'DRedisStore under Keyv 5, 4 servers',
    servers: nodes(4),
    prefix: DREDIS_PREFIX,
    open: async (options) => (await import('./dredis.js')).openUnderKeyv5(options),
  },
  {
    id: 'dredis-keyv6',
    label: 'DRedisStore under Keyv 6, 4 servers',
    servers: nodes(4),
    prefix: DREDIS_PREFIX,
    open: async (options) => (await import('./dredis.js')).openUnderKeyv6(options),
  },
  shardedByHand(4),
  {
    id: 'node-redis-defaults',
    label: 'node-redis with its defaults, 1 server',
    servers: nodes(1),
    prefix: CLIENT_PREFIX,
    open: async (options) => (await import('./node-redis.js')).openWithDefaults(options),
  },
  {
    id: 'node-redis',
    label: 'node-redis, timeout: 0, 1 server',
    servers: nodes(1),
    prefix: CLIENT_PREFIX,
    open: async (options) => (await import('./node-redis.js')).openWithoutTimeout(options),
  },
  {
    id: 'ioredis',
    label: 'ioredis, auto-pipelining, 1 server',
    servers: nodes(1),
    prefix: CLIENT_PREFIX,
    open: async (options) => (await import('./ioredis.js')).openAutoPipelining(options),
  },
  {
    id: 'keyv-redis',
    label: '@keyv/redis, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openAdapter(options),
  },
  {
    id: 'keyv-redis-keyv5',
    label: '@keyv/redis under Keyv 5, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openUnderKeyv5(options),
  },
  {
    id: 'keyv-redis-keyv6',
    label: '@keyv/redis under Keyv 6, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openUnderKeyv6(options),
  },
  {
    id: 'keyv-redis-cluster',
    label: '@keyv/redis, cluster of 4',
    servers: { kind: 'cluster' },
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openOnCluster(options),
  },
  {
    id: 'node-redis-cluster',
    label: 'node-redis, cluster of 4',
    servers: { kind: 'cluster' },
    prefix: CLIENT_PREFIX,
    open: async (options) => (await import('./node-redis.js')).openCluster(options),
  },
  {
    id: 'twemproxy',
    label: 'node-redis through twemproxy, timeout: 0, 4 servers',
    servers: { kind: 'twemproxy' },
    prefix: CLIENT_PREFIX,
    open: async (options) => (await import('./node-redis.js')).openThroughTwemproxy(options),
  },
  ...[1, 16, 64].map(dredis),
  ...[2, 4].map(dredisWithPools),
  ...[1, 16, 64].map(shardedByHand),
  ...(['error', 'miss', 'failover'] as const).map(dredisWithPolicy),
  dredisResharding(undefined),
  dredisResharding(PACED_KEYS_PER_SECOND),
  {
    id: 'dredis-update-nodes',
    label: 'DRedisStore, updateNodes()',
    servers: CHANGED_NODES,
    prefix: DREDIS_PREFIX,
    open: async (options) => (await import('./dredis.js')).openForUpdate(options),
  },
  {
    id: 'dredis-resharded',
    label: 'DRedisStore after reshard(), 4 servers',
    servers: { kind: 'nodes', count: 4, group: 'resharded' },
    prefix: DREDIS_PREFIX,
    open: async (options) => (await import('./dredis.js')).openResharded(options),
  },
  {
    id: 'keyv-redis-defaults',
    label: '@keyv/redis with its defaults, 1 server',
    servers: nodes(1),
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openWithDefaults(options),
  },
  {
    id: 'keyv-redis-replicated',
    label: '@keyv/redis with its defaults, cluster of 3 with replicas',
    servers: { kind: 'replicated' },
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openOnReplicatedCluster(options),
  },
  {
    id: 'keyv-redis-sentinel',
    label: '@keyv/redis with its defaults, Sentinel with two replicas',
    servers: { kind: 'sentinel' },
    prefix: KEYV_REDIS_PREFIX,
    open: async (options) => (await import('./keyv-redis.js')).openOnSentinelGroup(options),
  },
];

/** Ids of the contestants that most scenarios use. */
export const STANDARD_CONTESTANTS = [
  ...['dredis', 'baseline', 'dredis-keyv5', 'dredis-keyv6', 'spread'],
  ...['node-redis-defaults', 'node-redis', 'ioredis'],
  ...['keyv-redis', 'keyv-redis-keyv5', 'keyv-redis-keyv6'],
  ...['keyv-redis-cluster', 'node-redis-cluster', 'twemproxy'],
];

/** @throws Error if there is no contestant with this id */
export function contestant(id: string): Contestant {
  const found = CONTESTANTS.find((one) => one.id === id);
  if (found === undefined) {
    throw new Error(
      `the contestant must be one of ${CONTESTANTS.map((one) => one.id).join(', ')}; got "${id}"`,
    );
  }
  return found;
}
