import type { ResolvedNode, ResolvedOptions } from './options.js';
import { utf8 } from './utf8.js';

/**
 * A node has the labels `name-0`, `name-1` and so on. A label's MD5 gives four points: its little-endian
 * 32-bit words, as in Last.fm's libketama, libmemcached and twemproxy.
 */
export const POINTS_PER_LABEL = 4;

/** Each node's number of labels, which depends on its weight. */
export function labelCounts(nodes: readonly ResolvedNode[], options: ResolvedOptions): number[] {
  const { placement, pointsPerNode } = options;
  if (placement === 'independent') {
    return nodes.map(({ weight }) => Math.max(1, Math.round((weight * pointsPerNode) / POINTS_PER_LABEL)));
  }
  // libmemcached and twemproxy round each intermediate result to a 32-bit float, so 25 nodes with equal
  // weights get 39 labels each, and not 40. The result of a floating-point sum depends on the order, so
  // weights are added from the smallest to the largest.
  const f32 = Math.fround;
  const weights = nodes.map(({ weight }) => weight).sort((a, b) => a - b);
  const total = f32(weights.reduce((sum, weight) => sum + weight, 0));
  return nodes.map(({ weight }) => {
    const points = f32(f32(f32(weight) / total) * pointsPerNode);
    return Math.floor(f32(f32(f32(points / POINTS_PER_LABEL) * nodes.length) + 1e-10));
  });
}

/**
 * If two nodes share a point, their label prefixes decide the order. The shorter prefix comes first. If both
 * prefixes have the same length, the prefix with the smaller bytes comes first. twemproxy sorts its servers
 * in the same way. The order in which nodes were added does not matter.
 */
export function compareLabels(a: string, b: string): number {
  const left = utf8.encode(a);
  const right = utf8.encode(b);
  const i = left.findIndex((byte, index) => byte !== right[index]);
  return left.length - right.length || (i < 0 ? 0 : (left[i] as number) - (right[i] as number));
}
