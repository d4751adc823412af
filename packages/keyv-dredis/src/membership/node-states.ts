import type { Absence } from '../node/absence.js';
import { ringOf } from '../sharding/topology.js';
import type { RecordedNode, TopologyRecord } from './record.js';

/** What the next record changes. */
export type Next = Pick<TopologyRecord, 'nodes' | 'previous'>;

/** The nodes that are not away. They decide the next record. */
export function presentOf(nodes: readonly RecordedNode[]): readonly RecordedNode[] {
  return nodes.filter(({ state }) => state !== 'away');
}

/** Whether nodes are about to leave or to return, or entries move back to one. Stores finish that by themselves. */
export function isPassing(record: Next): boolean {
  return namesIn(record, 'leaving').length + namesIn(record, 'returning').length > 0 || isReturn(record);
}

/** The same nodes, with the states that they have in a record. */
export function withStatesOf(
  nodes: readonly RecordedNode[],
  record: readonly RecordedNode[],
): readonly RecordedNode[] {
  const states = new Map(record.map(({ name, state }) => [name, state]));
  return nodes.map((node) => {
    const state = states.get(node.name);
    return state === undefined ? plain(node) : { ...plain(node), state };
  });
}

/** The nodes that are not in service, and their states. While entries move back to a node, it is in service. */
export function statesIn(record: Next): ReadonlyMap<string, Absence> {
  return new Map(latestOf(record).flatMap(({ name, state }) => (state === undefined ? [] : [[name, state]])));
}

/** The names of the nodes that are away. */
export function awayIn(record: Next): ReadonlySet<string> {
  return new Set([...statesIn(record)].filter(([, state]) => state === 'away').map(([name]) => name));
}

/** The names of nodes in a state. */
export function namesIn({ nodes, previous = [] }: Next, state: Absence): readonly string[] {
  const all = [...nodes, ...previous].filter((node) => node.state === state);
  return [...new Set(all.map(({ name }) => name))];
}

/**
 * Whether entries move back to nodes that were away, and not because an operator changes the topology: then both lists
 * have the same nodes.
 */
export function isReturn({ nodes, previous }: Next): boolean {
  if (previous === undefined || previous.length !== nodes.length) return false;
  const before = new Map(previous.map((node) => [node.name, node]));
  return nodes.every(({ name, weight }) => before.get(name)?.weight === weight);
}

/** The node that entries move back to. */
export function returningNode({ nodes, previous = [] }: Next): RecordedNode | undefined {
  const away = new Set(previous.filter(({ state }) => state === 'away').map(({ name }) => name));
  return nodes.find(({ name, state }) => state !== 'away' && away.has(name));
}

/** A node is `leaving`. While entries move, it has no complete log, because it may be the owner in one ring only. */
export function withLeaving(record: Next, name: string, log: string | undefined): Next {
  const isMoving = record.previous !== undefined;
  return mapNodes(record, name, (node) =>
    // The nodes before may have been without it.
    node.state === 'away' ? node : { ...plain(node), state: 'leaving', log: isMoving ? undefined : log },
  );
}

/** A node serves its keys again, because a process that reaches it objects. */
export function withObjection(record: Next, name: string): Next {
  return mapNodes(record, name, (node) => (node.state === 'leaving' ? plain(node) : node));
}

/** A node is `away`. If the rings are the same without it, no entries move any more. */
export function withAway(record: Next, name: string): Next {
  const next = mapNodes(record, name, (node) => ({ ...node, state: 'away' }));
  const { nodes, previous } = next;
  const isSettled = previous !== undefined && isReturn(next) && isSameRing(nodes, previous);
  return isSettled ? { nodes, previous: undefined } : next;
}

export function withReturning(record: Next, name: string): Next {
  return mapNodes(record, name, (node) => ({ ...node, state: 'returning' }));
}

/** Entries move to a node that was returning. The node keeps the id of its log, which tells what has to move. */
export function withMoveBack({ nodes }: Next, name: string): Next {
  return {
    nodes: nodes.map((node) => (node.name === name ? { ...plain(node), log: node.log } : node)),
    previous: nodes.map((node) => (node.name === name ? { ...node, state: 'away' } : node)),
  };
}

/** No entries move any more. */
export function withoutPrevious({ nodes }: Next): Next {
  return { nodes: nodes.map((node) => (node.state === undefined ? plain(node) : node)), previous: undefined };
}

/**
 * What has been decided about the nodes that are not in service, by name. A node may have left, have been put back, and have
 * left again between two looks. The id of its log tells these decisions apart. Without a log, each epoch counts as another
 * decision.
 */
export function decisionsIn(record: Next, epoch: number): ReadonlyMap<string, string> {
  const decisions = new Map<string, string>();
  for (const { name, state, log } of latestOf(record)) {
    if (state !== undefined) decisions.set(name, `${state} ${log ?? `in epoch ${epoch}`}`);
  }
  return decisions;
}

/** Whether a node can be removed from the ring. */
export function isReplaceable({ nodes, previous }: Next, name: string): boolean {
  const remains = (list: readonly RecordedNode[]) =>
    list.some((node) => node.name !== name && node.weight > 0 && node.state !== 'away');
  return remains(nodes) && (previous === undefined || remains(previous));
}

/** All nodes of a record, each once. While entries move, those that are in both lists are as they are after the change. */
function latestOf({ nodes, previous = [] }: Next): readonly RecordedNode[] {
  const present = new Set(nodes.map(({ name }) => name));
  return [...nodes, ...previous.filter(({ name }) => !present.has(name))];
}

function isSameRing(one: readonly RecordedNode[], other: readonly RecordedNode[]): boolean {
  return ringOf(one).fingerprint() === ringOf(other).fingerprint();
}

function mapNodes({ nodes, previous }: Next, name: string, map: (node: RecordedNode) => RecordedNode): Next {
  const mapAll = (list: readonly RecordedNode[]) =>
    list.map((node) => (node.name === name ? map(node) : node));
  return { nodes: mapAll(nodes), previous: previous && mapAll(previous) };
}

/** A node that serves its keys. */
function plain({ name, address, database, weight }: RecordedNode): RecordedNode {
  return { name, address, database, weight };
}
