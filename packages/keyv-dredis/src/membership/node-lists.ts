import { ringOf } from '../sharding/topology.js';
import type { PlannedMove } from './plan.js';
import type { RecordedNode } from './record.js';

/** The names in some lists of nodes, without duplicates. */
export function namesOf(...lists: readonly (readonly RecordedNode[] | undefined)[]): readonly string[] {
  return [...new Set(lists.flatMap((list) => (list ?? []).map(({ name }) => name)))];
}

/** Which part of the keys moves between which nodes. Largest first. */
export function movementOf(
  before: readonly RecordedNode[],
  after: readonly RecordedNode[],
): readonly PlannedMove[] {
  // Only an empty ring has flows without a node.
  return ringOf(before).movement(ringOf(after)).flows as readonly PlannedMove[];
}

/** Whether two lists have the same nodes, with the same weights and addresses, in any order. */
export function isSameNodes(one: readonly RecordedNode[], other: readonly RecordedNode[]): boolean {
  return textOf(one) === textOf(other);
}

function textOf(nodes: readonly RecordedNode[]): string {
  const texts = nodes.map(({ name, address, database, weight }) =>
    JSON.stringify([name, address, database, weight]),
  );
  return texts.sort().join();
}
