/**
 * Points in ascending order with their owners, in four bytes each. The prefix table implies the highest bits of a
 * point, so an entry has the owner in place of those bits.
 */
export interface SortedPoints {
  /** How many bits of a point are its prefix. An owner fits into as many. */
  readonly bits: number;
  /** For each prefix: the position of the first point with this or a higher prefix. One more element: the end. */
  readonly prefixes: Uint32Array;
  /** The other bits of each point, followed by its owner. */
  readonly entries: Uint32Array;
}

/** Up to this many points, a linear search is faster than a binary one: its branches are predictable. */
const LINEAR_COUNT = 32;

/** The owner of a hash. `0` if there are no points. */
export function lookUp(points: SortedPoints, hash: number): number {
  return ownerAt(points, positionOf(points, hash));
}

/**
 * The position of the first point `>=` the hash, or 0 if the hash is larger than all points. A binary search
 * among the points with the same prefix: O(log p) for p points.
 */
export function positionOf({ bits, prefixes, entries }: SortedPoints, hash: number): number {
  const prefix = hash >>> (32 - bits);
  let low = prefixes[prefix] as number;
  let high = prefixes[prefix + 1] as number;
  const rest = (hash << bits) >>> 0;
  while (high - low > LINEAR_COUNT) {
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
