import { digest, md5 } from './md5.js';

/** One label of a node gives one MD5, and that gives this many points. */
export const POINTS_PER_LABEL = 4;

/**
 * Writes the points of a node's first `count` labels into `points` from position `at` on. The labels
 * are `name-0`, `name-1`, ..., and each gives the four little-endian words of its MD5: Last.fm's
 * libketama, and libmemcached and twemproxy after it.
 */
export function placeNode(name: string, count: number, points: Uint32Array, at: number): void {
  for (let i = 0; i < count; i++) {
    md5(`${name}-${i}`);
    points.set(digest, at + i * POINTS_PER_LABEL);
  }
}

/**
 * The first label of a node that stands on a point. Only ties ask, so it hashes again instead of
 * being remembered with every point.
 */
export function labelAt(name: string, point: number): string {
  for (let i = 0; ; i++) {
    const label = `${name}-${i}`;
    md5(label);
    if (digest.includes(point)) return label;
  }
}

/**
 * Which of two labels stands first where both give the same point: the shorter one, and among equal
 * lengths the one with the smaller bytes. That is twemproxy's rule, and it knows no order of insertion.
 */
export function compareLabels(a: string, b: string): number {
  const encoder = new TextEncoder();
  const left = encoder.encode(a);
  const right = encoder.encode(b);
  if (left.length !== right.length) return left.length - right.length;
  const i = left.findIndex((byte, index) => byte !== right[index]);
  return i < 0 ? 0 : (left[i] as number) - (right[i] as number);
}
