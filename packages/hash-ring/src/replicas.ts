import { check } from './errors.js';
import { ownerAt, positionOf } from './lookup.js';
import type { ResolvedNode } from './options.js';
import type { RingTable } from './ring-table.js';

/**
 * The names of up to `count` nodes for the copies of a key with this hash: its owner, then the next distinct
 * nodes clockwise.
 *
 * Zones take turns: the first node of every zone clockwise, then the second node of every zone, and so on. So
 * two copies share a zone only if there are more copies than zones. A node without a zone counts as a zone
 * with one node. If no node has a zone, the order is simply clockwise.
 */
export function replicasOf(
  table: RingTable,
  hash: number,
  count: number,
  zoneOf?: (name: string) => string | undefined,
): string[] {
  check(Number.isSafeInteger(count) && count >= 0, 'INVALID_OPTION', 'count', 'an integer >= 0', count);
  const { entries, nodes } = table;
  const start = positionOf(table, hash);
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
