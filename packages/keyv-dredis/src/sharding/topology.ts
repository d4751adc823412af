import { HashRing } from 'hash-ring';
import type { Node } from '../node/node.js';

/** The nodes at one moment, and who owns which key. Immutable: a call ends with the one that it started with. */
export interface Snapshot {
  readonly ring: HashRing;
  /** By name, in the order of the locations. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** In the order of `ring.nodes`, so that `ring.getManyIndexes` returns indexes into it. */
  readonly byIndex: readonly Node[];
  /** Weights of the nodes, in the same order. */
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

/** Holds the current snapshot. The node pool replaces it in one step; everybody else reads it. */
export class Topology {
  #snapshot: Snapshot = snapshotOf([]);

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  replace(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }
}
