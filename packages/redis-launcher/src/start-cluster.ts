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
  /** Masters; there are no replicas. 1 to 16,384. @default 4 */
  readonly masterCount?: number;
  /** Where PATH is looked up. @default process.env */
  readonly env?: Env;
}

/**
 * Starts a real Redis Cluster on loopback and resolves when every master says that it is whole. Master `i` of
 * n holds the slots from `floor(i * 16384 / n)` on.
 *
 * @throws Error where there is only Docker: a container does not know at what address the others see it
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisServers> {
  const { masterCount = 4, env = process.env } = options;
  const { type } = await findServer(env);
  if (type === 'docker') throw new Error('a cluster needs redis-server or valkey-server on PATH, not Docker');
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const group = await startRedis({ count: masterCount, args, env });
  try {
    await form(group.locations);
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

async function form(locations: readonly string[]): Promise<void> {
  const [first = ''] = locations;
  const [host = '', port = ''] = first.split(':');
  for (const [index, location] of locations.entries()) {
    const from = firstSlot(index, locations.length);
    const count = firstSlot(index + 1, locations.length) - from;
    const slots = Array.from({ length: count }, (_, offset) => String(from + offset));
    await ask(location, ['CLUSTER', 'ADDSLOTS', ...slots]);
    // Epochs that differ from the start spare the masters the settling of who has which.
    await ask(location, ['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)]);
    if (index > 0) await ask(location, ['CLUSTER', 'MEET', host, port]);
  }
  const endsAt = Date.now() + FORM_TIMEOUT_MS;
  for (const location of locations) {
    while (!isWhole(await ask(location, ['CLUSTER', 'INFO']), locations.length)) {
      if (Date.now() > endsAt) throw new Error(`the cluster did not form within ${FORM_TIMEOUT_MS} ms`);
      await sleep(POLL_MS);
    }
  }
}

function isWhole(info: string, masterCount: number): boolean {
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${masterCount}\r\n`);
}
