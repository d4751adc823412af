import { HashRingError, mustBe } from './errors.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';
import { compareLabels, labelCounts, POINTS_PER_LABEL, pointsOf } from './points.js';
import { sortPoints, unpack } from './sort-points.js';
import type { SortedPoints } from './successor.js';

/** One state of a ring. Nothing in it changes any more: a change of the ring makes another table. */
export interface RingTable extends SortedPoints {
  readonly nodes: readonly ResolvedNode[];
  readonly names: readonly string[];
  /** Name to position in `nodes`, which is how points name their owners. */
  readonly positions: ReadonlyMap<string, number>;
  /** How many labels each node has. */
  readonly counts: readonly number[];
}

/** A gigabyte of points. Weights are relative, so a ring that wants more can do with smaller ones. */
const MAX_POINTS = 2 ** 27;

/**
 * The table for these nodes. Points that the previous table has are taken from it and not hashed again.
 * O(p) for p points.
 * @throws HashRingError `DUPLICATE_NODE`, or `INVALID_NODE` for weights that no table can hold
 */
export function buildTable(
  nodes: readonly ResolvedNode[],
  options: ResolvedOptions,
  previous?: RingTable,
): RingTable {
  refuseDuplicates(nodes);
  const names = Object.freeze(nodes.map((node) => node.name));
  const positions = new Map(names.map((name, i) => [name, i]));
  const counts = labelCounts(nodes, options);
  const size = counts.reduce((sum, count) => sum + count, 0) * POINTS_PER_LABEL;
  if (size > MAX_POINTS || (size === 0 && nodes.length > 0)) {
    throw mustBe('INVALID_NODE', 'the points of all weights', `1 to ${MAX_POINTS}`, size);
  }

  const points = new Uint32Array(size);
  const owners = new Uint32Array(size);
  let end = 0;
  const kept = new Set<number>();
  if (previous) {
    // Where each of the previous nodes stands now, if its points are still the same.
    const moved = previous.names.map((name, i) => {
      const position = positions.get(name) ?? -1;
      if (previous.counts[i] !== counts[position]) return -1;
      kept.add(position);
      return position;
    });
    const before = unpack(previous);
    for (let i = 0; i < before.points.length; i++) {
      const position = moved[before.owners[i] as number] as number;
      if (position < 0) continue;
      points[end] = before.points[i] as number;
      owners[end++] = position;
    }
  }
  for (const [position, { label }] of nodes.entries()) {
    if (kept.has(position)) continue;
    const fresh = pointsOf(label, counts[position] as number);
    points.set(fresh, end);
    owners.fill(position, end, end + fresh.length);
    end += fresh.length;
  }
  const labelOf = (position: number) => (nodes[position] as ResolvedNode).label;
  const sorted = sortPoints(points, owners, nodes.length, (a, b) => compareLabels(labelOf(a), labelOf(b)));
  return { nodes, names, positions, counts, ...sorted };
}

function refuseDuplicates(nodes: readonly ResolvedNode[]): void {
  const byLabel = new Map<string, string>();
  for (const { name, label } of nodes) {
    const other = byLabel.get(label);
    if (other !== undefined) {
      throw new HashRingError('DUPLICATE_NODE', `nodes must differ, got ${other} and ${name}`);
    }
    byLabel.set(label, name);
  }
}
