import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DRedisStore } from 'keyv-dredis';
import { count, megabytes } from '../terminal/terminal.js';

const GC_COUNT = 5;
const GC_PAUSE_MS = 50;

/**
 * The resources that are compared. The heap's `maxGrowth` leaves room for V8's compiled code and caches, but
 * not for a leak.
 */
export const RESOURCES = {
  'heap after gc': { maxGrowth: 1e6, format: megabytes },
  sockets: { maxGrowth: 0, format: count },
  'open files': { maxGrowth: 0, format: count },
  'timers (ref)': { maxGrowth: 0, format: count },
  'timers (all)': { maxGrowth: 0, format: count },
  'listeners of the store': { maxGrowth: 0, format: count },
  'listeners of its clients': { maxGrowth: 0, format: count },
  'reserved keys on the servers': { maxGrowth: 0, format: count },
} as const;
export type Resource = keyof typeof RESOURCES;
export type ResourceUsage = Readonly<Record<Resource, number>>;

/**
 * Measures an idle store's resources while all servers are up. @param timerCount returned by countTimers()
 */
export async function measureUsage(store: DRedisStore, timerCount: () => number): Promise<ResourceUsage> {
  const clients = clientsOf(store);
  const reservedKeys = await Promise.all(clients.map((client) => client.keys('%dredis:*')));
  await collectGarbage();
  const activeResources = process.getActiveResourcesInfo();
  return {
    'heap after gc': process.memoryUsage().heapUsed,
    sockets: activeResources.filter((name) => name === 'TCPSocketWrap').length,
    'open files': openFileCount(),
    'timers (ref)': activeResources.filter((name) => name === 'Timeout').length,
    'timers (all)': timerCount(),
    'listeners of the store': listenerCount(store),
    'listeners of its clients': clients.reduce((sum, client) => sum + listenerCount(client), 0),
    'reserved keys on the servers': reservedKeys.flat().length,
  };
}

/** The store has no list of clients, so this function locates keys until it has found every node's client. */
function clientsOf(store: DRedisStore) {
  const clients = new Map<string, ReturnType<typeof store.locate>['client']>();
  for (let number = 0; clients.size < store.nodes.length; number++) {
    const { node, client } = store.locate(`key ${number}`);
    clients.set(node, client);
  }
  return [...clients.values()];
}

/**
 * Collects garbage several times, with pauses. Finalizers run in the pauses, so the next collection can free
 * more objects.
 */
async function collectGarbage(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('run the soak test with node --expose-gc');
  for (let turn = 0; turn < GC_COUNT; turn++) {
    globalThis.gc();
    await sleep(GC_PAUSE_MS);
  }
}

function listenerCount(emitter: {
  eventNames(): (string | symbol)[];
  listenerCount(name: string | symbol): number;
}): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

/** @returns 0 on systems without /proc */
function openFileCount(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
