import { HashRingError, mustBe } from './errors.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';
import { compareLabels, labelCounts, POINTS_PER_LABEL, pointsOf } from './points.js';
import type { SortedPoints } from './successor.js';

/**
 * One state of a ring. Nothing in it changes any more: a change of the ring makes another table. A point
 * takes at most 8 bytes: 4, its owner 2 (4 beyond 65,536 nodes), and at most 2 of the prefix table.
 */
export interface RingTable extends SortedPoints {
  readonly nodes: readonly ResolvedNode[];
  readonly names: readonly string[];
  /** Name to position in `nodes`. */
  readonly positions: ReadonlyMap<string, number>;
  /** How many labels each node has. */
  readonly counts: readonly number[];
  /** Position in `nodes` of each point's node. Where nodes share a point, its owner stands first. */
  readonly owners: Owners;
}

type Owners = Uint16Array | Uint32Array;

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
  const owners = nodes.length > 0x10000 ? new Uint32Array(size) : new Uint16Array(size);
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
    for (const [i, owner] of previous.owners.entries()) {
      const position = moved[owner] as number;
      if (position < 0) continue;
      points[end] = previous.points[i] as number;
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
  const sorted = sortPoints(points, owners, (a, b) => {
    return compareLabels((nodes[a] as ResolvedNode).label, (nodes[b] as ResolvedNode).label);
  });
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

/**
 * Sorts points with their owners in O(p), for points that are spread as a hash spreads them: each goes to
 * its prefix's place by counting, which makes the prefix table too, and the few of one prefix are put in
 * order by insertion.
 */
function sortPoints<T extends Owners>(
  unsorted: Uint32Array,
  unsortedOwners: T,
  compare: (owner: number, other: number) => number,
): SortedPoints & { readonly owners: T } {
  const size = unsorted.length;
  // Two to four points for each prefix.
  const bits = Math.max(1, 30 - Math.clz32(size));
  const shift = 32 - bits;
  const prefixes = new Uint32Array(2 ** bits);
  for (const point of unsorted) count(prefixes, point >>> shift);
  for (let i = 1; i < prefixes.length; i++)
    prefixes[i] = (prefixes[i] as number) + (prefixes[i - 1] as number);

  const points = new Uint32Array(size);
  const owners = unsortedOwners.slice() as T;
  for (let i = size - 1; i >= 0; i--) {
    const point = unsorted[i] as number;
    // Each prefix's number is where its points end, and falls to where they begin.
    const at = (prefixes[point >>> shift] as number) - 1;
    prefixes[point >>> shift] = at;
    points[at] = point;
    owners[at] = unsortedOwners[i] as number;
  }

  for (let i = 1; i < size; i++) {
    const point = points[i] as number;
    const owner = owners[i] as number;
    let at = i;
    for (; at > 0; at--) {
      const before = points[at - 1] as number;
      if (before < point) break;
      const other = owners[at - 1] as number;
      if (before === point && (owner === other || compare(owner, other) > 0)) break;
      points[at] = before;
      owners[at] = other;
    }
    points[at] = point;
    owners[at] = owner;
  }
  return { points, owners, prefixes, shift };
}

function count(counts: Uint32Array, i: number): void {
  counts[i] = (counts[i] as number) + 1;
}
