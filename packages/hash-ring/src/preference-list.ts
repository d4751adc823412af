import type { RingTable } from './ring-table.js';
import { ownerAt, successor } from './successor.js';

/**
 * The nodes of a hash in the order of preference, `count` at most, as positions in the table's nodes: its
 * owner, then the next distinct nodes clockwise.
 *
 * Zones come in turns: first the first node clockwise of every zone, then the second of every zone, and so
 * on, so that copies fail together only when there are more of them than zones. A node without a zone is a
 * zone of its own; with no zones at all that leaves the plain clockwise order.
 */
export function preferenceList(
  table: RingTable,
  hash: number,
  count: number,
  zoneOf: (position: number) => string | undefined,
): number[] {
  const { entries, nodes } = table;
  const start = successor(table, hash);
  const turns: number[][] = [[]];
  const seen = new Set<number>();
  const seenInZone = new Map<string, number>();
  for (let i = 0; i < entries.length && seen.size < nodes.length; i++) {
    const owner = ownerAt(table, (start + i) % entries.length);
    if (seen.has(owner)) continue;
    if ((turns[0] as number[]).length >= count) break;
    seen.add(owner);
    const zone = zoneOf(owner);
    const turn = zone === undefined ? 0 : (seenInZone.get(zone) ?? 0);
    if (zone !== undefined) seenInZone.set(zone, turn + 1);
    turns[turn] ??= [];
    (turns[turn] as number[]).push(owner);
  }
  return turns.flat().slice(0, count);
}
