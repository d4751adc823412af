import { HashRingError, shown } from './errors.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';
import { compareLabels, labelAt, POINTS_PER_LABEL, placeNode } from './points.js';

/** One state of a ring. Nothing in it changes any more: a change of the ring makes another table. */
export interface RingTable {
  readonly nodes: readonly ResolvedNode[];
  readonly names: readonly string[];
  /** Name to position in `nodes`. */
  readonly positions: ReadonlyMap<string, number>;
  /** Ascending. Where nodes share a point it stands here once for each, the one that owns it first. */
  readonly points: Uint32Array;
  /** Position in `nodes` of each point's node. */
  readonly owners: Uint16Array | Uint32Array;
}

/** The table for these nodes. O(p log p) for p points. @throws HashRingError `DUPLICATE_NODE` */
export function buildTable(nodes: readonly ResolvedNode[], options: ResolvedOptions): RingTable {
  const positions = new Map<string, number>();
  for (const { name } of nodes) {
    if (positions.has(name)) {
      throw new HashRingError('DUPLICATE_NODE', `node names must differ, got ${shown(name)} twice`);
    }
    positions.set(name, positions.size);
  }
  const names = Object.freeze(nodes.map((node) => node.name));
  const counts = nodes.map((node) => labelCount(node, options));
  const size = counts.reduce((sum, count) => sum + count, 0) * POINTS_PER_LABEL;

  // A point and its owner in one double, the point in the high bits: sorting these sorts by point.
  const pairs = new Float64Array(size);
  let at = 0;
  for (const [owner, name] of names.entries()) {
    const count = counts[owner] as number;
    const placed = new Uint32Array(count * POINTS_PER_LABEL);
    placeNode(name, count, placed, 0);
    for (const point of placed) pairs[at++] = point * OWNERS + owner;
  }
  pairs.sort();

  const points = new Uint32Array(size);
  const owners = nodes.length > 0x10000 ? new Uint32Array(size) : new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const pair = pairs[i] as number;
    points[i] = pair / OWNERS;
    owners[i] = pair % OWNERS;
  }
  orderTies(points, owners, names);
  return { nodes, names, positions, points, owners };
}

const OWNERS = 2 ** 21;

function labelCount(node: ResolvedNode, options: ResolvedOptions): number {
  return Math.max(1, Math.round((node.weight * options.pointsPerNode) / POINTS_PER_LABEL));
}

/** Puts the nodes that share a point in the order of their labels. */
function orderTies(points: Uint32Array, owners: Uint16Array | Uint32Array, names: readonly string[]): void {
  for (let from = 0; from < points.length; ) {
    const point = points[from] as number;
    let to = from + 1;
    while (points[to] === point) to++;
    if (to - from > 1) {
      const tied = Array.from(owners.subarray(from, to), (owner) => ({
        owner,
        label: labelAt(names[owner] as string, point),
      }));
      tied.sort((a, b) => compareLabels(a.label, b.label));
      for (const [i, { owner }] of tied.entries()) owners[from + i] = owner;
    }
    from = to;
  }
}
