import { ask } from './ask.js';
import type { Env } from './command-line.js';
import { findServer } from './find-server.js';
import { type RedisServers, startRedis } from './start-redis.js';
import { untilAll } from './until-all.js';

/** Number of slots in a Redis Cluster. Each belongs to one master. */
export const SLOT_COUNT = 16_384;

export interface ClusterOptions {
  /** Number of masters, 1 to 16,384. @default 4 */
  readonly masterCount?: number;
  /**
   * Number of replicas per master. With three or more masters, a replica takes over if its master fails.
   * @default 0
   */
  readonly replicaCount?: number;
  /** Milliseconds without a reply after which a server counts as failed. @default 15000, as in Redis */
  readonly nodeTimeoutMs?: number;
  /** Environment with PATH. @default process.env */
  readonly env?: Env;
}

/**
 * Starts a real Redis Cluster on loopback. Resolves once every server reports that all slots are covered, and
 * once all replicas are in sync. The slots of master `i` of n start at `floor(i * 16384 / n)`. In the result,
 * the masters come first, then the first master's replicas, the second master's replicas, and so on.
 *
 * @throws Error if there is only Docker, because a server in a container does not know the address at which
 * the other servers reach it
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisServers> {
  const { masterCount = 4, replicaCount = 0, nodeTimeoutMs = 15_000, env = process.env } = options;
  const { type } = await findServer(env);
  if (type === 'docker') throw new Error('a cluster needs redis-server or valkey-server on PATH, not Docker');
  const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const timeout = ['--cluster-node-timeout', String(nodeTimeoutMs)];
  // By default, a master waits 5 s for more replicas before it sends its data.
  const args = [...cluster, ...timeout, '--repl-diskless-sync-delay', '0'];
  const group = await startRedis({ count: masterCount * (1 + replicaCount), args, env });
  try {
    await form(group.locations, masterCount);
    await replicate(group.locations.slice(0, masterCount), group.locations.slice(masterCount));
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

/** A master's first slot; for `master === masterCount`, the number of slots. */
export function firstSlot(master: number, masterCount: number): number {
  return Math.floor((master * SLOT_COUNT) / masterCount);
}

async function form(locations: readonly string[], masterCount: number): Promise<void> {
  const [first = ''] = locations;
  const [host = '', port = ''] = first.split(':');
  for (const [index, location] of locations.entries()) {
    if (index >= masterCount) {
      await ask(location, ['CLUSTER', 'MEET', host, port]);
      continue;
    }
    const from = firstSlot(index, masterCount);
    const count = firstSlot(index + 1, masterCount) - from;
    const slots = Array.from({ length: count }, (_, offset) => String(from + offset));
    await ask(location, ['CLUSTER', 'ADDSLOTS', ...slots]);
    // The masters start with different epochs, so there are no conflicts to resolve.
    await ask(location, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)]);
    if (index > 0) await ask(location, ['CLUSTER', 'MEET', host, port]);
  }
  await untilAll('cluster', locations, ['CLUSTER', 'INFO'], (info) => isWhole(info, locations.length));
}

async function replicate(masters: readonly string[], replicas: readonly string[]): Promise<void> {
  if (replicas.length === 0) return;
  const perMaster = replicas.length / masters.length;
  for (const [index, replica] of replicas.entries()) {
    const master = await ask(masters[Math.floor(index / perMaster)] as string, ['CLUSTER', 'MYID']);
    await ask(replica, ['CLUSTER', 'REPLICATE', master]);
  }
  await untilAll('cluster', replicas, ['INFO', 'replication'], isLinked);
  // Clients may ask any server for the replicas, so all servers have to know the replicas.
  await untilAll('cluster', [...masters, ...replicas], ['CLUSTER', 'NODES'], (nodes) => {
    return nodes.match(/\bslave\b/g)?.length === replicas.length;
  });
}

function isWhole(info: string, count: number): boolean {
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}\r\n`);
}

/** Whether a server is a replica that is in sync with its master. @param info reply to INFO replication */
export function isLinked(info: string): boolean {
  return info.includes('role:slave') && info.includes('master_link_status:up');
}
