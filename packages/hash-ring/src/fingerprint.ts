import { digestWord, md5 } from './md5.js';
import type { Key, ResolvedNode, ResolvedOptions } from './options.js';
import type { RingTable } from './ring-table.js';
import { unpack } from './sort-points.js';

/** Keys whose places tell hash functions apart: nothing, text, other text, text that takes two blocks. */
const PROBES = ['', 'hash-ring', '{é}€', 'x'.repeat(100)];

/**
 * A digest, as 32 hex digits, of all that decides on owners: options, names, weights, zones, where the
 * points are and whose. It knows no order of insertion.
 */
export function fingerprint(table: RingTable, options: ResolvedOptions, hash: (key: Key) => number): string {
  const { placement, pointsPerNode, hashTag, omitMemcachedPort } = options;
  const nodes = table.nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const ranks = new Map(nodes.map((node, rank) => [node, rank]));
  const { points, owners } = unpack(table);
  md5(
    JSON.stringify([
      'hash-ring 1',
      [placement, pointsPerNode, hashTag, omitMemcachedPort, PROBES.map((probe) => hash(probe) >>> 0)],
      nodes.map(({ name, weight, zone }) => [name, weight, zone]),
      Array.from(points),
      Array.from(owners, (owner) => ranks.get(table.nodes[owner] as ResolvedNode)),
    ]),
  );
  return [0, 1, 2, 3].map((word) => digestWord(word).toString(16).padStart(8, '0')).join('');
}
