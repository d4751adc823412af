/**
 * Points in ascending order, with their owners. Each entry has four bytes. The highest bits of a point are
 * its prefix. An entry stores the owner in place of the prefix, because the prefix table already determines
 * the prefix.
 */
export interface SortedPoints {
  /** The number of bits in a prefix. An owner fits into the same number of bits. */
  readonly bits: number;
  /**
   * For each prefix, the position of the first point with this or a higher prefix. One extra element at the
   * end contains the number of points.
   */
  readonly prefixes: Uint32Array;
  /** The remaining bits of each point, followed by its owner. */
  readonly entries: Uint32Array;
}

/**
 * Up to this many points, a linear search is faster than a binary search, because its branches are
 * predictable.
 */
const LINEAR_COUNT = 32;

/** The owner of a hash. `-1` if there are no points. */
export function lookUp(points: SortedPoints, hash: number): number {
  return points.entries.length ? ownerAt(points, positionOf(points, hash)) : -1;
}

/**
 * The position of the first point `>=` the hash, or 0 if the hash is larger than all points. Uses a binary
 * search among the points with the same prefix, which takes O(log p) for p points.
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
