import { ownerAt, type SortedPoints } from './lookup.js';

/** With more bits, the prefix table would not fit into a processor's cache. */
const MAX_BITS = 16;

/**
 * Sorts points together with their owners, in O(p) if the points are spread evenly. First, a counting sort by
 * prefix sorts the points roughly and gives the prefix table. Then, an insertion sort sorts the few points
 * with the same prefix. If several owners have the same point, `compare` orders these owners.
 */
export function sortPoints(
  points: Uint32Array,
  owners: Uint32Array,
  ownerCount: number,
  compare: (owner: number, other: number) => number,
): SortedPoints {
  const size = points.length;
  // Enough bits for four to eight points per prefix, but at most MAX_BITS. If an owner needs more bits, these
  // limits do not apply.
  const bits = Math.max(1, 32 - Math.clz32(ownerCount), Math.min(MAX_BITS, 29 - Math.clz32(size)));
  const prefixes = new Uint32Array(2 ** bits + 1);
  const entries = new Uint32Array(size);
  const add = (prefix: number, count: number) => {
    prefixes[prefix] = (prefixes[prefix] as number) + count;
    return prefixes[prefix] as number;
  };
  for (let i = 0; i < size; i++) add((points[i] as number) >>> (32 - bits), 1);
  for (let prefix = 1; prefix < prefixes.length; prefix++) add(prefix, prefixes[prefix - 1] as number);
  // `prefixes[prefix]` is now the end of the prefix's points. The loop decrements this
  // position once for each of these points, so the position ends at their start.
  for (let i = size - 1; i >= 0; i--) {
    const point = points[i] as number;
    entries[add(point >>> (32 - bits), -1)] = (point << bits) | (owners[i] as number);
  }

  const sorted = { bits, prefixes, entries };
  for (let prefix = 0; prefix < prefixes.length; prefix++) {
    const first = prefixes[prefix] as number;
    const end = prefixes[prefix + 1] as number;
    for (let i = first + 1; i < end; i++) {
      const entry = entries[i] as number;
      const owner = ownerAt(sorted, i);
      let at = i;
      for (; at > first; at--) {
        const before = entries[at - 1] as number;
        const apart = (before >>> bits) - (entry >>> bits) || compare(ownerAt(sorted, at - 1), owner);
        if (apart <= 0) break;
        entries[at] = before;
      }
      entries[at] = entry;
    }
  }
  return sorted;
}

/** The sorted points and their owners. O(p). */
export function unpack(sorted: SortedPoints): { readonly points: Uint32Array; readonly owners: Uint32Array } {
  const { bits, prefixes, entries } = sorted;
  const points = new Uint32Array(entries.length);
  const owners = new Uint32Array(entries.length);
  for (let i = 0, prefix = 0; i < entries.length; i++) {
    while ((prefixes[prefix + 1] as number) <= i) prefix++;
    points[i] = (prefix << (32 - bits)) | ((entries[i] as number) >>> bits);
    owners[i] = ownerAt(sorted, i);
  }
  return { points, owners };
}
