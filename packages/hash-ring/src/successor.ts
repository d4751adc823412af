/**
 * The position of the first point `>=` the hash, in ascending points; past the largest point the
 * circle closes, so that is position 0. O(log n).
 */
export function successor(points: Uint32Array, hash: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
