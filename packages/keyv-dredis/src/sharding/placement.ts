import type { Node } from '../node/node.js';
import { ownerOf, type Snapshot, type Topology } from './topology.js';

/** Current location of a key. */
export interface Route {
  readonly node: Node;
  /** The physical key on that node. */
  readonly key: string;
  /** Whether the node replaces the key's unavailable owner. */
  readonly isFallback: boolean;
  /**
   * Latest expiry that an entry on this node may have, in milliseconds since the Unix epoch; undefined for no
   * limit.
   */
  readonly latestExpiry?: number | undefined;
}

/** The part of a multi-key call that is sent to one node. */
export interface NodeRequest {
  readonly node: Node;
  /** Physical keys on that node, in the order of the call, with duplicates. */
  readonly keys: readonly string[];
  /** Index of each key in the call. */
  readonly positions: readonly number[];
  readonly isFallback: boolean;
  readonly latestExpiry?: number | undefined;
}

/** Chooses fallback nodes for keys whose owner is unavailable. */
export interface FallbackPlacement {
  /** The route to the fallback node for a key whose owner is unavailable; undefined if there is none. */
  fallbackFor(key: string, snapshot: Snapshot): Route | undefined;
  /** Prefixes of a namespace's physical keys, on owners and on fallback nodes. */
  prefixesOf(prefix: string): readonly string[];
}

/** Is notified of writes that a node missed, or may have missed. */
export interface WriteObserver {
  /**
   * Called when a write is sent to a fallback node. Resolves once all hints are recorded about the nodes that
   * missed the write, which are the nodes before the fallback node.
   */
  fallbackWrite(key: string, fallback: Node, snapshot: Snapshot): Promise<void>;
  /** Called when a write has failed. */
  writeFailed(request: Pick<NodeRequest, 'node' | 'keys' | 'isFallback'>, error: unknown): void;
  /** Called when `clear()` has failed on a node. */
  clearFailed(node: Node, prefix: string): void;
  /** Resolves once all records have been sent or have failed. Never rejects. */
  flushed(): Promise<void>;
}

type MutableRequest = NodeRequest & { readonly keys: string[]; readonly positions: number[] };

/** Finds the node for a key: its owner, or a fallback node if the owner is unavailable. */
export class Placement {
  readonly #topology: Topology;
  readonly #fallback: FallbackPlacement | undefined;

  constructor(topology: Topology, fallback: FallbackPlacement | undefined) {
    this.#topology = topology;
    this.#fallback = fallback;
  }

  get snapshot(): Snapshot {
    return this.#topology.snapshot;
  }

  /** The route for a physical key. O(log n) in the number of nodes. */
  routeOf(key: string, snapshot: Snapshot): Route {
    const node = ownerOf(key, snapshot);
    const fallback = node.isAvailable ? undefined : this.#fallback?.fallbackFor(key, snapshot);
    return fallback ?? { node, key, isFallback: false };
  }

  /**
   * Groups keys by node.
   *
   * @param start index of the first key in the call
   */
  requestsFor(keys: readonly string[], start: number, snapshot: Snapshot): readonly NodeRequest[] {
    const requests = groupByOwner(keys, start, snapshot);
    const fallback = this.#fallback;
    if (fallback === undefined || requests.every(({ node }) => node.isAvailable)) return requests;
    const rerouted = new Map<Node, MutableRequest>();
    for (const unavailable of requests.filter(({ node }) => !node.isAvailable)) {
      for (const [index, key] of unavailable.keys.entries()) {
        const route = fallback.fallbackFor(key, snapshot);
        // If one key has no fallback, no key has a fallback. The requests then go to the owners, and fail
        // there.
        if (route === undefined) return requests;
        const { key: fallbackKey, ...target } = route;
        const request = rerouted.get(target.node) ?? { ...target, keys: [], positions: [] };
        rerouted.set(target.node, request);
        request.keys.push(fallbackKey);
        request.positions.push(unavailable.positions[index] as number);
      }
    }
    return [...requests.filter(({ node }) => node.isAvailable), ...rerouted.values()];
  }
}

function groupByOwner(keys: readonly string[], start: number, snapshot: Snapshot): readonly NodeRequest[] {
  if (keys.length === 1) {
    return [{ node: ownerOf(keys[0] as string, snapshot), keys, positions: [start], isFallback: false }];
  }
  const { ring, byIndex } = snapshot;
  const owners = ring.getManyIndexes(keys);
  const requests: MutableRequest[] = [];
  const byOwner = new Array<MutableRequest | undefined>(byIndex.length);
  for (let index = 0; index < keys.length; index += 1) {
    const owner = owners[index] as number;
    let request = byOwner[owner];
    if (request === undefined) {
      request = { node: byIndex[owner] as Node, keys: [], positions: [], isFallback: false };
      byOwner[owner] = request;
      requests.push(request);
    }
    request.keys.push(keys[index] as string);
    request.positions.push(start + index);
  }
  return requests;
}

/** The earlier of two expiries; undefined means never. */
export function sooner(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
