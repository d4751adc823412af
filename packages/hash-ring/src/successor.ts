/** Points in ascending order, with a table of where each prefix of the hash space begins. */
export interface SortedPoints {
  readonly points: Uint32Array;
  /** By the highest bits of a hash: the position of the first point with at least these. */
  readonly prefixes: Uint32Array;
  /** How far a hash is shifted to leave its prefix. */
  readonly shift: number;
}

/**
 * The position of the first point `>=` the hash; past the largest point the circle closes, so that is
 * position 0. The prefix leaves some three points to a binary search, whatever the ring's size; points
 * that crowd in one prefix, which MD5 does not make, would still cost no more than O(log n).
 */
export function successor({ points, prefixes, shift }: SortedPoints, hash: number): number {
  const prefix = hash >>> shift;
  let low = prefixes[prefix] as number;
  let high = prefix + 1 < prefixes.length ? (prefixes[prefix + 1] as number) : points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
