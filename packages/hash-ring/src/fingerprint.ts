import { digestWord, md5 } from './md5.js';
import type { Key, ResolvedOptions } from './options.js';
import type { RingTable } from './ring-table.js';

/** Keys whose places tell hash functions apart: nothing, text, other text, text that takes two blocks. */
const PROBES = ['', 'hash-ring', '{é}€', 'x'.repeat(100)];

/**
 * A digest, as 32 hex digits, of all that decides on owners: options, names, weights, zones, where the
 * points are and whose. It knows no order of insertion.
 */
export function fingerprint(table: RingTable, options: ResolvedOptions, hash: (key: Key) => number): string {
  const { nodes, points, owners } = table;
  const order = Array.from(nodes.keys()).sort((a, b) => (nameAt(table, a) < nameAt(table, b) ? -1 : 1));
  const ranks = new Uint32Array(nodes.length);
  for (const [rank, position] of order.entries()) ranks[position] = rank;

  const placed = new DataView(new ArrayBuffer(points.length * 8));
  for (let i = 0; i < points.length; i++) {
    placed.setUint32(8 * i, points[i] as number, true);
    placed.setUint32(8 * i + 4, ranks[owners[i] as number] as number, true);
  }
  const { placement, pointsPerNode, hashTag, omitMemcachedPort } = options;
  return hex(
    JSON.stringify([
      'hash-ring 1',
      [placement, pointsPerNode, hashTag, omitMemcachedPort, PROBES.map((probe) => hash(probe))],
      order.map((position) => {
        const { name, weight, zone = null } = nodes[position] as (typeof nodes)[number];
        return [name, weight, zone];
      }),
      hex(new Uint8Array(placed.buffer)),
    ]),
  );
}

function nameAt({ names }: RingTable, position: number): string {
  return names[position] as string;
}

function hex(data: Key): string {
  md5(data);
  const bytes = new DataView(new ArrayBuffer(16));
  for (let word = 0; word < 4; word++) bytes.setUint32(4 * word, digestWord(word), true);
  return Array.from(new Uint8Array(bytes.buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
