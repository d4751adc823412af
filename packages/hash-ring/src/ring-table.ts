import { check } from './errors.js';
import { compareStems, labelCounts, POINTS_PER_LABEL } from './labels.js';
import type { SortedPoints } from './lookup.js';
import { md5Many } from './md5/md5.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';
import { sortPoints, unpack } from './sort-points.js';

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
  const names = Object.freeze(nodes.map((node) => node.name));
  const positions = new Map(names.map((name, position) => [name, position]));
  // A node's labels are `stem-0`, `stem-1`, ...
  const stems = options.omitMemcachedPort ? names.map((name) => name.replace(/(?<=.):11211$/s, '')) : names;
  refuseDuplicates(stems, names);
  const counts = labelCounts(nodes, options);
  const size = counts.reduce((sum, count) => sum + count, 0) * POINTS_PER_LABEL;
  check(
    size <= MAX_POINTS && (size > 0 || nodes.length === 0),
    'INVALID_NODE',
    'the points of all weights',
    `1 to ${MAX_POINTS}`,
    size,
  );

  const points = new Uint32Array(size);
  const owners = new Uint32Array(size);
  let end = 0;
  /** Where each of the previous nodes stands now, if its points are still the same. */
  const moved: number[] = [];
  for (const [position, stem] of stems.entries()) {
    const count = counts[position] as number;
    const before = previous?.positions.get(names[position] as string) as number;
    if (previous?.counts[before] === count) {
      moved[before] = position;
      continue;
    }
    points.set(
      md5Many(
        Array.from({ length: count }, (_, i) => `${stem}-${i}`),
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
  const compare = (a: number, b: number) => compareStems(stems[a] as string, stems[b] as string);
  return { nodes, names, positions, counts, ...sortPoints(points, owners, nodes.length, compare) };
}

function refuseDuplicates(stems: readonly string[], names: readonly string[]): void {
  const byStem = new Map<string, string>();
  for (const [position, stem] of stems.entries()) {
    const name = names[position] as string;
    const other = byStem.get(stem);
    check(!other, 'DUPLICATE_NODE', 'a name', `other than ${other}, which is taken`, name);
    byStem.set(stem, name);
  }
}
