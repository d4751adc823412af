import { failoverKey } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import type { FallbackPlacement, Route } from '../sharding/placement.js';
import type { Snapshot } from '../sharding/topology.js';

/** Stores an unavailable node's entries on the next available node clockwise, under separate keys. */
export class Failover implements FallbackPlacement {
  readonly #ttlMs: number;

  /** @param ttlMs maximum lifetime of an entry on a fallback node, in milliseconds */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  fallbackFor(key: string, snapshot: Snapshot): Route | undefined {
    if (isCutOff(snapshot)) return undefined;
    // At least half of the total weight is available, so there is an available node.
    const node = firstAvailable(key, snapshot) as Node;
    return { node, key: failoverKey(key), isFallback: true, latestExpiry: Date.now() + this.#ttlMs };
  }

  prefixesOf(prefix: string): readonly string[] {
    return [prefix, failoverKey(prefix)];
  }
}

/** The first available node clockwise, starting with the key's owner. */
export function firstAvailable(key: string, { ring, nodes }: Snapshot): Node | undefined {
  return ring
    .replicas(key, ring.size)
    .map((name) => nodes.get(name) as Node)
    .find(({ isAvailable }) => isAvailable);
}

/** Whether more than half of the total weight is unavailable. If so, this process is probably cut off. */
function isCutOff({ byIndex, weights }: Snapshot): boolean {
  let unavailable = 0;
  let all = 0;
  for (const [index, node] of byIndex.entries()) {
    const weight = weights[index] as number;
    all += weight;
    if (!node.isAvailable) unavailable += weight;
  }
  return unavailable > all / 2;
}
