import { HashRing } from 'hash-ring';
import { ask } from 'redis-launcher';
import { VOTE_KEY } from '../../src/format/reserved-keys.js';
import type { DRedisStore, DRedisStoreOptions, Locations } from '../../src/index.js';
import { openStoreOver } from './stores.js';
import { until } from './until.js';

/** As short as a loaded machine allows. */
export const LEASE_MS = 250;

type NodeName = string;

/** Longer than a failover takes on a loaded machine. Calls wait for it. */
const PATIENT = { connectTimeoutMs: 15_000, commandTimeoutMs: 15_000 };

/** Opens a store whose nodes fail over quickly, and connects it. Its calls have time to wait for the failover. */
export async function openReady(
  locations: Locations & readonly unknown[],
  options: DRedisStoreOptions = {},
): Promise<DRedisStore> {
  const store = openStoreOver(locations, { ...PATIENT, leaseMs: LEASE_MS, ...options });
  await store.connect();
  return store;
}

/** Waits until all servers vote. Stores arrange that once they are connected to all of them. */
export async function untilVoting(locations: readonly string[]): Promise<void> {
  for (const location of locations) {
    await until(async () => {
      const text = await ask(location, ['GET', VOTE_KEY]).catch(() => '');
      return text !== '' && (JSON.parse(text) as { voting?: boolean }).voting === true;
    });
  }
}

export type PresentState = 'in service' | 'leaving' | 'away' | 'returning';

/** What all processes have decided about a node, as far as this store knows. */
export function presentState(store: DRedisStore, node: NodeName): PresentState {
  return store.status().topology.states[node] ?? 'in service';
}

/** Waits until each of the stores knows that a node is away. */
export function untilAway(node: NodeName, ...stores: DRedisStore[]): Promise<void> {
  return until(() => stores.every((store) => presentState(store, node) === 'away'));
}

/** Waits until each of the stores knows that all nodes serve their keys, and that no entries move. */
export function untilAllServe(...stores: DRedisStore[]): Promise<void> {
  return until(() =>
    stores.every((store) => {
      const { phase, states } = store.status().topology;
      return phase === 'settled' && Object.keys(states).length === 0;
    }),
  );
}

/** Keys that a node owns, and that another node owns if the first one is away. Without the namespace. */
export function keysWithSubstitute(
  store: DRedisStore,
  [owner, substitute]: readonly [NodeName, NodeName],
  count: number,
): string[] {
  const all = new HashRing(store.nodes);
  const rest = new HashRing(store.nodes.filter((name) => name !== owner));
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number += 1) {
    const physical = `${store.namespace ?? 'keyv'}:key-${number}`;
    if (all.get(physical) === owner && rest.get(physical) === substitute) keys.push(`key-${number}`);
  }
  return keys;
}

/** Keys without a namespace that a node of these owns. @param node any if undefined */
export function keysOn(
  nodes: readonly NodeName[],
  node: NodeName | undefined,
  count: number,
  prefix = 'key',
): string[] {
  const ring = new HashRing(nodes);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number += 1) {
    const key = `${prefix}-${number}`;
    if (node === undefined || ring.get(`keyv:${key}`) === node) keys.push(key);
  }
  return keys;
}

/** Repeats a call until it succeeds. @returns its result */
export async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
