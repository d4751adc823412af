import type { ResolvedNode, ResolvedOptions } from './options.js';

/**
 * One label of a node, `name-0`, `name-1` and so on, gives this many points: the little-endian words of its
 * MD5, as in Last.fm's libketama, and in libmemcached and twemproxy after it.
 */
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
 * Which of two nodes' labels stands first where the nodes share a point: the shorter one, and among equal
 * lengths the one whose bytes are smaller. That is twemproxy's rule, which sorts its servers so, and it knows
 * no order of insertion.
 */
export function compareStems(a: string, b: string): number {
  const left = new TextEncoder().encode(a);
  const right = new TextEncoder().encode(b);
  const i = left.findIndex((byte, index) => byte !== right[index]);
  return left.length - right.length || (i < 0 ? 0 : (left[i] as number) - (right[i] as number));
}
