import { HashRing } from 'hash-ring';
import type { Node } from '../node/node.js';

/**
 * The nodes at one point in time, and which node owns which key. Immutable: a call uses the same snapshot
 * from start to finish.
 */
export interface Snapshot {
  readonly ring: HashRing;
  /** Nodes by name, in the order of the locations. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** Nodes in the order of `ring.nodes`, so that `ring.getManyIndexes` returns indexes into this array. */
  readonly byIndex: readonly Node[];
  /** The nodes' weights, in the same order. */
  readonly weights: readonly number[];
}

/** Makes a snapshot. @param weighted each node and its weight, in the order of the locations */
export function snapshotOf(weighted: readonly (readonly [node: Node, weight: number])[]): Snapshot {
  const ring = new HashRing(weighted.map(([{ name }, weight]) => ({ name, weight })));
  const nodes = new Map(weighted.map(([node]) => [node.name, node]));
  return {
    ring,
    nodes,
    byIndex: ring.nodes.map((name) => nodes.get(name) as Node),
    weights: weighted.map(([, weight]) => weight),
  };
}

/** The node that owns a physical key. */
export function ownerOf(key: string, { ring, nodes }: Snapshot): Node {
  // A store has at least one node, and the ring has the same names as the map.
  return nodes.get(ring.get(key) as string) as Node;
}

/** Keeps all nodes open between the commands of a call. @returns a release function; call it once */
export function retainAll({ byIndex }: Snapshot): () => void {
  const releases = byIndex.map((node) => node.retain());
  return () => {
    for (const release of releases) release();
  };
}

/** Holds the current snapshot. The node pool replaces it in one step; all others only read it. */
export class Topology {
  #snapshot: Snapshot = snapshotOf([]);

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  replace(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }
}
