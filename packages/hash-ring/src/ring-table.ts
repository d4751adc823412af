import { check } from './errors.js';
import { compareLabels, labelCounts, POINTS_PER_LABEL } from './labels.js';
import type { SortedPoints } from './lookup.js';
import { md5Many } from './md5/index.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';
import { sortPoints, unpack } from './sort-points.js';

/** One state of a ring. It is immutable: a change to the ring builds a new table. */
export interface RingTable extends SortedPoints {
  readonly nodes: readonly ResolvedNode[];
  readonly names: readonly string[];
  /** Maps a node's name to its position in `nodes`. Points refer to their owners by position. */
  readonly positions: ReadonlyMap<string, number>;
  /** Each node's number of labels. */
  readonly counts: readonly number[];
}

/**
 * This number of points takes half a gigabyte. If a ring exceeds this limit, use smaller weights: only the
 * ratios of the weights matter.
 */
const MAX_POINTS = 2 ** 27;

/**
 * Builds the table for these nodes. O(p) for p points. If a node has the same points in the previous table,
 * the points are copied from there. Otherwise, they are computed by hashing.
 * @throws HashRingError `DUPLICATE_NODE`; `INVALID_NODE` if the weights give no points or too many
 */
export function buildTable(
  nodes: readonly ResolvedNode[],
  options: ResolvedOptions,
  previous?: RingTable,
): RingTable {
  const names = Object.freeze(nodes.map((node) => node.name));
  const positions = new Map(names.map((name, position) => [name, position]));
  // A node's labels are `prefix-0`, `prefix-1` and so on.
  const labelPrefixes = options.omitMemcachedPort
    ? names.map((name) => name.replace(/(?<=.):11211$/s, ''))
    : names;
  checkDistinct(labelPrefixes, names);
  const counts = labelCounts(nodes, options);
  const size = counts.reduce((sum, count) => sum + count, 0) * POINTS_PER_LABEL;
  check(
    size <= MAX_POINTS && (size > 0 || nodes.length === 0),
    'INVALID_NODE',
    'the number of points',
    `1 to ${MAX_POINTS}`,
    size,
  );

  const points = new Uint32Array(size);
  const owners = new Uint32Array(size);
  let end = 0;
  /** Maps the old position of each node with unchanged points to the node's new position. */
  const moved: number[] = [];
  for (const [position, labelPrefix] of labelPrefixes.entries()) {
    const count = counts[position] as number;
    const before = previous?.positions.get(names[position] as string) as number;
    if (previous?.counts[before] === count) {
      moved[before] = position;
      continue;
    }
    points.set(
      md5Many(
        Array.from({ length: count }, (_, i) => `${labelPrefix}-${i}`),
        POINTS_PER_LABEL,
      ),
      end,
    );
    owners.fill(position, end, end + count * POINTS_PER_LABEL);
    end += count * POINTS_PER_LABEL;
  }
  if (previous) {
    const before = unpack(previous);
    for (let i = 0; i < before.points.length; i++) {
      const position = moved[before.owners[i] as number];
      if (position === undefined) continue;
      points[end] = before.points[i] as number;
      owners[end++] = position;
    }
  }
  const compare = (a: number, b: number) =>
    compareLabels(labelPrefixes[a] as string, labelPrefixes[b] as string);
  return { nodes, names, positions, counts, ...sortPoints(points, owners, nodes.length, compare) };
}

function checkDistinct(labelPrefixes: readonly string[], names: readonly string[]): void {
  const nameByPrefix = new Map<string, string>();
  for (const [position, labelPrefix] of labelPrefixes.entries()) {
    const name = names[position] as string;
    const other = nameByPrefix.get(labelPrefix);
    check(!other, 'DUPLICATE_NODE', 'the name of a node', `distinct from ${other}`, name);
    nameByPrefix.set(labelPrefix, name);
  }
}
