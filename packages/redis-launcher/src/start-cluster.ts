import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';
import type { Env } from './command-line.js';
import { findServer } from './find-server.js';
import { type RedisServers, startRedis } from './start-redis.js';

/** Redis Cluster has that many, and each belongs to one master. */
export const SLOT_COUNT = 16_384;

const FORM_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export interface ClusterOptions {
  /** Masters, 1 to 16,384. @default 4 */
  readonly masterCount?: number;
  /** Replicas of each master: one takes over where its master is gone, if there are three masters or more. @default 0 */
  readonly replicaCount?: number;
  /** Milliseconds of silence after which a server is taken for gone. @default 15000, as Redis has it */
  readonly nodeTimeoutMs?: number;
  /** Where PATH is looked up. @default process.env */
  readonly env?: Env;
}

/**
 * Starts a real Redis Cluster on loopback and resolves when every master says that it is whole. Master `i` of
 * n holds the slots from `floor(i * 16384 / n)` on. The masters come first, then the replicas of the first one,
 * those of the second one, and so on; all of them have what their master has.
 *
 * @throws Error where there is only Docker: a container does not know at what address the others see it
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisServers> {
  const { masterCount = 4, replicaCount = 0, nodeTimeoutMs = 15_000, env = process.env } = options;
  const { type } = await findServer(env);
  if (type === 'docker') throw new Error('a cluster needs redis-server or valkey-server on PATH, not Docker');
  const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const timeout = ['--cluster-node-timeout', String(nodeTimeoutMs)];
  // Else a replica waits 5 s for others that might want the same copy.
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

/** The first slot of a master, and of the one after the last: where the slots end. */
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
    // Epochs that differ from the start spare the masters the settling of who has which.
    await ask(location, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)]);
    if (index > 0) await ask(location, ['CLUSTER', 'MEET', host, port]);
  }
  await untilAll(locations, ['CLUSTER', 'INFO'], (info) => isWhole(info, locations.length));
}

async function replicate(masters: readonly string[], replicas: readonly string[]): Promise<void> {
  if (replicas.length === 0) return;
  const perMaster = replicas.length / masters.length;
  for (const [index, replica] of replicas.entries()) {
    const master = await ask(masters[Math.floor(index / perMaster)] as string, ['CLUSTER', 'MYID']);
    await ask(replica, ['CLUSTER', 'REPLICATE', master]);
  }
  await untilAll(replicas, ['INFO', 'replication'], isLinked);
  // Clients ask any of them who replicates whom.
  await untilAll([...masters, ...replicas], ['CLUSTER', 'NODES'], (nodes) => {
    return nodes.match(/\bslave\b/g)?.length === replicas.length;
  });
}

async function untilAll(
  locations: readonly string[],
  command: readonly string[],
  isDone: (reply: string) => boolean,
): Promise<void> {
  const endsAt = Date.now() + FORM_TIMEOUT_MS;
  for (const location of locations) {
    while (!isDone(await ask(location, command))) {
      if (Date.now() > endsAt) throw new Error(`the cluster did not form within ${FORM_TIMEOUT_MS} ms`);
      await sleep(POLL_MS);
    }
  }
}

function isWhole(info: string, count: number): boolean {
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}\r\n`);
}

/** Whether a server is a replica that has what its master has. @param info what it answers INFO replication */
export function isLinked(info: string): boolean {
  return info.includes('role:slave') && info.includes('master_link_status:up');
}
