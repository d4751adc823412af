import { md5Many } from './md5.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';

/** One label of a node gives one MD5, and that gives this many points. */
export const POINTS_PER_LABEL = 4;

/** How many labels each node has: its weight in points. */
export function labelCounts(nodes: readonly ResolvedNode[], options: ResolvedOptions): number[] {
  const { placement, pointsPerNode } = options;
  if (placement === 'independent') {
    return nodes.map(({ weight }) => Math.max(1, Math.round((weight * pointsPerNode) / POINTS_PER_LABEL)));
  }
  // As libmemcached and twemproxy compute it in C, each step a float32: so seven nodes of one weight get
  // 39 labels and not 40. Weights are added from the smallest up, as a sum of fractions depends on order.
  const f32 = Math.fround;
  const weights = nodes.map(({ weight }) => weight).sort((a, b) => a - b);
  const total = f32(weights.reduce((sum, weight) => sum + weight, 0));
  return nodes.map(({ weight }) => {
    const ofAllPoints = f32(f32(f32(weight) / total) * pointsPerNode);
    return Math.floor(f32(f32(f32(ofAllPoints / POINTS_PER_LABEL) * nodes.length) + 1e-10));
  });
}

/**
 * The points of a node's first `count` labels. The labels are `name-0`, `name-1`, ..., and each gives the
 * four little-endian words of its MD5: Last.fm's libketama, and libmemcached and twemproxy after it.
 */
export function pointsOf(label: string, count: number): Uint32Array {
  return md5Many(
    Array.from({ length: count }, (_, i) => `${label}-${i}`),
    POINTS_PER_LABEL,
  );
}

/**
 * Which of two nodes owns a point that both stand on: the one whose label (`name-i`) is shorter, and
 * among equal lengths the one whose bytes are smaller. That is twemproxy's rule, and it knows no order of
 * insertion. Ties are so rare that the labels are looked for again instead of being remembered.
 */
export function comesFirst(a: string, b: string, point: number): boolean {
  const encoder = new TextEncoder();
  const left = encoder.encode(labelAt(a, point));
  const right = encoder.encode(labelAt(b, point));
  if (left.length !== right.length) return left.length < right.length;
  const i = left.findIndex((byte, index) => byte !== right[index]);
  return (left[i] as number) < (right[i] as number);
}

/** The first label of a node that stands on a point which is known to be one of its own. */
function labelAt(label: string, point: number): string {
  for (let count = 64; ; count *= 2) {
    const at = pointsOf(label, count).indexOf(point);
    if (at >= 0) return `${label}-${Math.floor(at / POINTS_PER_LABEL)}`;
  }
}
