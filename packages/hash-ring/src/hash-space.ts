import type { RingTable } from './ring-table.js';
import { unpack } from './sort-points.js';

/** What moves between two rings, as fractions of the hash space. */
export interface Movement {
  /** How much changes owner, from 0 to 1: the sum of all flows. */
  readonly fraction: number;
  /** From whom to whom, the largest first. `undefined` stands for nobody, where a ring is empty. */
  readonly flows: readonly Flow[];
}

export interface Flow {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly fraction: number;
}

/** How many hashes there are. A fraction is a whole number of them divided by this, so nothing is rounded. */
const HASH_SPACE = 2 ** 32;

/** What changes owner from one table to another, or to nobody. O(p) for the points of both. */
export function movement(before: RingTable, after?: RingTable): Movement {
  const from = { names: before.names, ...unpack(before) };
  const to = after ? { names: after.names, ...unpack(after) } : { names: [], points: [], owners: [] };
  const moved = new Map<string | undefined, Map<string | undefined, number>>();
  for (let start = 0, i = 0, j = 0; start < HASH_SPACE; ) {
    // From here to the next point of either, all hashes have the same two owners.
    const end = Math.min(from.points[i] ?? HASH_SPACE, to.points[j] ?? HASH_SPACE, HASH_SPACE - 1) + 1;
    const giver = from.names[(from.owners[i] ?? from.owners[0]) as number];
    const taker = to.names[(to.owners[j] ?? to.owners[0]) as number];
    if (giver !== taker) {
      const takers = moved.get(giver) ?? new Map<string | undefined, number>();
      moved.set(giver, takers.set(taker, (takers.get(taker) ?? 0) + (end - start) / HASH_SPACE));
    }
    while ((from.points[i] as number) < end) i++;
    while ((to.points[j] as number) < end) j++;
    start = end;
  }
  const flows = Array.from(moved, ([from, takers]) =>
    Array.from(takers, ([to, fraction]) => ({ from, to, fraction })),
  ).flat();
  flows.sort((a, b) => b.fraction - a.fraction);
  return { fraction: flows.reduce((sum, flow) => sum + flow.fraction, 0), flows };
}
