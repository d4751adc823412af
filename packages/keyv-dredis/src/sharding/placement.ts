import type { Node } from '../node/node.js';
import { ownerOf, type Snapshot, sourceOf, type Topology } from './topology.js';

/** Current location of a key. */
export interface Route {
  readonly node: Node;
  /** The node that may still hold the key's entry, because the entry moves between two rings. */
  readonly source?: Node | undefined;
}

/** The part of a multi-key call that is sent to one node. */
export interface NodeRequest extends Route {
  /** Physical keys, in the order of the call, with duplicates. */
  readonly keys: readonly string[];
  /** Index of each key in the call. */
  readonly positions: readonly number[];
}

type MutableRequest = NodeRequest & { readonly keys: string[]; readonly positions: number[] };

/** Finds the nodes for keys. */
export class Placement {
  readonly #topology: Topology;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  get snapshot(): Snapshot {
    return this.#topology.snapshot;
  }

  /** The route for a physical key. O(log n) in the number of nodes. */
  routeOf(key: string, snapshot: Snapshot): Route {
    const node = ownerOf(key, snapshot);
    return { node, source: sourceOf(key, node, snapshot) };
  }

  /**
   * Groups keys by node, and by source if entries move.
   *
   * @param start index of the first key in the call
   */
  requestsFor(keys: readonly string[], start: number, snapshot: Snapshot): readonly NodeRequest[] {
    const byOwner = groupByOwner(keys, start, snapshot);
    return snapshot.previous === undefined
      ? byOwner
      : byOwner.flatMap((request) => groupBySource(request, snapshot));
  }
}

function groupByOwner(keys: readonly string[], start: number, snapshot: Snapshot): readonly NodeRequest[] {
  if (keys.length === 1) return [{ node: ownerOf(keys[0] as string, snapshot), keys, positions: [start] }];
  const { ring, byIndex } = snapshot;
  const owners = ring.getManyIndexes(keys);
  const requests: MutableRequest[] = [];
  const byOwner = new Array<MutableRequest | undefined>(byIndex.length);
  for (let index = 0; index < keys.length; index += 1) {
    const owner = owners[index] as number;
    let request = byOwner[owner];
    if (request === undefined) {
      request = { node: byIndex[owner] as Node, keys: [], positions: [] };
      byOwner[owner] = request;
      requests.push(request);
    }
    request.keys.push(keys[index] as string);
    request.positions.push(start + index);
  }
  return requests;
}

function groupBySource(request: NodeRequest, snapshot: Snapshot): readonly NodeRequest[] {
  const { node } = request;
  const bySource = new Map<Node | undefined, MutableRequest>();
  request.keys.forEach((key, index) => {
    const source = sourceOf(key, node, snapshot);
    const group = bySource.get(source) ?? { node, source, keys: [], positions: [] };
    bySource.set(source, group);
    group.keys.push(key);
    group.positions.push(request.positions[index] as number);
  });
  return [...bySource.values()];
}
