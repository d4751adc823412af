import { check } from './errors.js';
import { ownerAt, successor } from './lookup.js';
import type { ResolvedNode } from './options.js';
import type { RingTable } from './ring-table.js';

/**
 * The names of the nodes of a hash in the order of preference, `count` at most: its owner, then the next
 * distinct nodes clockwise.
 *
 * Zones come in turns: first the first node clockwise of every zone, then the second of every zone, and so
 * on, so that copies fail together only when there are more of them than zones. A node without a zone is a
 * zone of its own; with no zones at all that leaves the plain clockwise order.
 */
export function preferenceList(
  table: RingTable,
  hash: number,
  count: number,
  zoneOf?: (name: string) => string | undefined,
): string[] {
  check(Number.isSafeInteger(count) && count >= 0, 'INVALID_OPTION', 'count', 'an integer from 0 up', count);
  const { entries, nodes } = table;
  const start = successor(table, hash);
  const turns: string[][] = [[]];
  const seen = new Set<ResolvedNode>();
  const seenInZone = new Map<string | ResolvedNode, number>();
  for (
    let i = 0;
    i < entries.length && seen.size < nodes.length && (turns[0] as string[]).length < count;
    i++
  ) {
    const node = nodes[ownerAt(table, (start + i) % entries.length)] as ResolvedNode;
    if (seen.has(node)) continue;
    seen.add(node);
    const zone = (zoneOf ? zoneOf(node.name) : node.zone) ?? node;
    const turn = seenInZone.get(zone) ?? 0;
    seenInZone.set(zone, turn + 1);
    turns[turn] ??= [];
    turns[turn].push(node.name);
  }
  return turns.flat().slice(0, count);
}
