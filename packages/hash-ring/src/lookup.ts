/**
 * Points in ascending order, each with its owner, in four bytes: the highest bits of a point say where it
 * stands and need not be written down, and the owner stands in their place.
 */
export interface SortedPoints {
  /** How many bits of a point its place tells; an owner has at most as many. */
  readonly bits: number;
  /** By the highest bits: the position of the first point that has these or higher ones; at last the end. */
  readonly prefixes: Uint32Array;
  /** The other bits of each point, and below them its owner. */
  readonly entries: Uint32Array;
}

/** So few points are gone through faster than halved: a processor foresees where that leads. */
const FEW = 32;

/**
 * The position of the first point `>=` the hash; past the largest point the circle closes, so that is
 * position 0. A binary search among the points of one prefix, down to a few: O(log p).
 */
export function successor({ bits, prefixes, entries }: SortedPoints, hash: number): number {
  const prefix = hash >>> (32 - bits);
  let low = prefixes[prefix] as number;
  let high = prefixes[prefix + 1] as number;
  const rest = (hash << bits) >>> 0;
  while (high - low > FEW) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as number) < rest) low = middle + 1;
    else high = middle;
  }
  while (low < high && (entries[low] as number) < rest) low++;
  return low < entries.length ? low : 0;
}

/** The owner of the point at a position. */
export function ownerAt({ bits, entries }: SortedPoints, position: number): number {
  return (entries[position] as number) & ((1 << bits) - 1);
}
