import type { RingTable } from './ring-table.js';

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

/** How many hashes there are: a fraction of them is a whole number divided by this, so nothing is rounded. */
const HASH_SPACE = 2 ** 32;

/** The fraction of the hash space that each node owns, in the order of the nodes. */
export function shares({ points, owners, names }: RingTable): Float64Array {
  const owned = new Float64Array(names.length);
  // A point owns the hashes from the point before it, which is not among them; the first one owns what is
  // beyond the last, too.
  let before = (points.at(-1) ?? 0) - HASH_SPACE;
  for (let i = 0; i < points.length; i++) {
    const owner = owners[i] as number;
    const point = points[i] as number;
    owned[owner] = (owned[owner] as number) + (point - before) / HASH_SPACE;
    before = point;
  }
  return owned;
}

/** What changes owner from one table to another. O(p) for the points of both. */
export function movement(from: RingTable, to: RingTable): Movement {
  const moved = new Map<number, number>();
  const stays = from.names.map((name) => to.positions.get(name) ?? -1);
  let i = 0;
  let j = 0;
  for (let start = 0; start < HASH_SPACE; ) {
    const end = Math.min(from.points[i] ?? HASH_SPACE - 1, to.points[j] ?? HASH_SPACE - 1) + 1;
    const giver = from.owners[i] ?? from.owners[0] ?? -1;
    const taker = to.owners[j] ?? to.owners[0] ?? -1;
    if ((giver < 0 ? -1 : stays[giver]) !== taker || giver < 0 !== taker < 0) {
      const pair = (giver + 1) * (to.names.length + 1) + taker + 1;
      moved.set(pair, (moved.get(pair) ?? 0) + end - start);
    }
    while ((from.points[i] ?? HASH_SPACE) < end) i++;
    while ((to.points[j] ?? HASH_SPACE) < end) j++;
    start = end;
  }
  const flows = Array.from(moved, ([pair, hashes]) => ({
    from: from.names[Math.floor(pair / (to.names.length + 1)) - 1],
    to: to.names[(pair % (to.names.length + 1)) - 1],
    fraction: hashes / HASH_SPACE,
  }));
  flows.sort((a, b) => b.fraction - a.fraction);
  return { fraction: flows.reduce((sum, flow) => sum + flow.fraction, 0), flows };
}
