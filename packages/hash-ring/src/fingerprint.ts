import { hashKey } from './key-hash.js';
import { md5Many } from './md5/index.js';
import type { RingPoint } from './movement.js';
import type { ResolvedNode, ResolvedOptions } from './options.js';

/**
 * Sample keys that reveal different hash functions: an empty key, an ASCII key, a non-ASCII key, and a key
 * that is longer than one MD5 block.
 */
const PROBES = ['', 'hash-ring', '{é}€', 'x'.repeat(100)];

/**
 * A digest of everything that determines a key's owner: options, names, weights, zones, and the points with
 * their owners. The digest has 32 hex digits. It does not depend on the order in which nodes were added.
 */
export function fingerprint(
  nodes: readonly ResolvedNode[],
  points: readonly RingPoint[],
  options: ResolvedOptions,
): string {
  const { placement, pointsPerNode, hashTag, omitMemcachedPort } = options;
  const sorted = nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const ranks = new Map(sorted.map(({ name }, rank) => [name, rank]));
  const text = JSON.stringify([
    'hash-ring 1',
    [
      placement,
      pointsPerNode,
      hashTag,
      omitMemcachedPort,
      PROBES.map((probe) => hashKey(probe, options) >>> 0),
    ],
    sorted.map(({ name, weight, zone }) => [name, weight, zone]),
    points.map(([point]) => point),
    points.map(([, name]) => ranks.get(name)),
  ]);
  return Array.from(md5Many([text], 4), (word) => word.toString(16).padStart(8, '0')).join('');
}
