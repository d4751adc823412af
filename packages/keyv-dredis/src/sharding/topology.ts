import { HashRing } from 'hash-ring';
import type { Absence } from '../node/absence.js';
import type { Node } from '../node/node.js';
import type { SendOptions } from '../node/send-options.js';

/** With fewer voters, a majority is all of them, so no node can be removed while it serves. */
export const MIN_VOTERS = 3;

/** A ring, and its nodes. */
export interface RingOfNodes {
  readonly ring: HashRing;
  /** The nodes on the ring by name, in the order of the locations. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** Nodes in the order of `ring.nodes`, so that `ring.getIndex` returns an index into this array. */
  readonly byIndex: readonly Node[];
}

/**
 * The nodes at one point in time, and which node owns which key. Immutable: a call uses the same snapshot
 * from start to finish, or starts over.
 */
export interface Snapshot extends RingOfNodes {
  /** Counts the changes that all processes follow. 0 if each process has its own list of nodes. */
  readonly epoch: number;
  /** While entries move between two rings: the ring and the nodes before. */
  readonly previous: RingOfNodes | undefined;
  /** Names of all nodes, also those that are away or have no weight, in the order of the locations. */
  readonly names: readonly string[];
  /** All nodes, also those that are away or have no weight; while entries move, also the nodes before. */
  readonly allNodes: readonly Node[];
  /** What has been decided about nodes that do not serve their keys. */
  readonly absences: ReadonlyMap<Node, Absence>;
  /** Whether a node on one of the rings does not serve its keys at present. */
  readonly hasClosed: boolean;
  /** Nodes that are away, and whose missed writes are logged; undefined if there are none. */
  readonly missing: MissingNodes | undefined;
  /** The nodes that vote: those that are not away. While entries move, one list for each ring. */
  readonly voters: readonly (readonly Node[])[];
  /** Whether a process may use the nodes only as long as a majority of them answers. */
  readonly needsLease: boolean;
  /** Options for commands of callers that only read. */
  readonly reads: SendOptions;
  /** Options for other commands of callers. */
  readonly writes: SendOptions;
}

/** Nodes that are away, and which keys they miss. */
export interface MissingNodes {
  readonly names: readonly string[];
  /** The ring with these nodes. */
  readonly ring: HashRing;
}

/** A node in a snapshot. */
export interface Member {
  readonly node: Node;
  /** Share of the keys, relative to the other nodes. A node with weight 0 only votes. */
  readonly weight: number;
  /** Undefined if the node serves its keys. */
  readonly state?: Absence | undefined;
  /** Id of the logs of the writes that the node misses; undefined if there are none. */
  readonly log?: string | undefined;
}

/** What distinguishes a snapshot that all processes follow. */
export interface SnapshotOptions {
  /** @default 0 */
  readonly epoch?: number;
  /** The nodes before, while entries move. In the order of the locations. */
  readonly previous?: readonly Member[] | undefined;
}

/** A node as it is listed, with its name and weight. */
type ListedNode = { readonly name: string; readonly weight: number; readonly state?: Absence | undefined };

/**
 * The ring of nodes: those with a weight that are not away. Every process that uses the same names and weights gets the
 * same ring.
 */
export function ringOf(nodes: Iterable<ListedNode>): HashRing {
  return fullRingOf([...nodes].filter(({ state }) => state !== 'away'));
}

/** The ring of nodes as if none was away. */
export function fullRingOf(nodes: Iterable<ListedNode>): HashRing {
  return new HashRing(
    [...nodes].filter(({ weight }) => weight > 0).map(({ name, weight }) => ({ name, weight })),
  );
}

/** Makes a snapshot. @param members in the order of the locations */
export function snapshotOf(
  members: readonly Member[],
  { epoch = 0, previous: before }: SnapshotOptions = {},
): Snapshot {
  const { ring, nodes, byIndex } = ringOfMembers(members);
  const previous = before && ringOfMembers(before);
  const all = [...members, ...(before ?? [])];
  const absences = absencesOf(members, before ?? []);
  const voters = [members, ...(before === undefined ? [] : [before])].map(votersOf);
  return {
    epoch,
    ring,
    nodes,
    previous,
    byIndex,
    names: members.map(({ node }) => node.name),
    allNodes: [...new Set(all.map(({ node }) => node))],
    absences,
    hasClosed: [...absences.values()].some((state) => state !== 'away'),
    missing: missingOf(members),
    voters,
    needsLease: voters.some(({ length }) => length >= MIN_VOTERS),
    reads: { isRead: true, epoch },
    writes: { epoch },
  };
}

/** The node's state in the first list counts: while entries move back to a node, it was away before. */
function absencesOf(members: readonly Member[], before: readonly Member[]): ReadonlyMap<Node, Absence> {
  const absences = new Map<Node, Absence>();
  const present = new Set(members.map(({ node }) => node));
  for (const { node, state } of [...members, ...before.filter((each) => !present.has(each.node))]) {
    if (state !== undefined) absences.set(node, state);
  }
  return absences;
}

function ringOfMembers(members: readonly Member[]): RingOfNodes {
  const ring = ringOf(members.map(toListed));
  const nodes = new Map(members.map(({ node }) => [node.name, node]));
  for (const name of nodes.keys()) if (!ring.has(name)) nodes.delete(name);
  return { ring, nodes, byIndex: ring.nodes.map((name) => nodes.get(name) as Node) };
}

function missingOf(members: readonly Member[]): MissingNodes | undefined {
  const names = members.flatMap(({ node, state, log }) =>
    state === 'away' && log !== undefined ? [node.name] : [],
  );
  return names.length === 0 ? undefined : { names, ring: fullRingOf(members.map(toListed)) };
}

function votersOf(members: readonly Member[]): readonly Node[] {
  return members.flatMap(({ node, state }) => (state === 'away' ? [] : [node]));
}

function toListed({ node, weight, state }: Member): ListedNode {
  return { name: node.name, weight, state };
}

/** The node that owns a physical key. */
export function ownerOf(key: string, { ring, byIndex }: RingOfNodes): Node {
  // A store has at least one node.
  return byIndex[ring.getIndex(key)] as Node;
}

/** The node that owned a key before, if entries move and the key gets another owner. */
export function sourceOf(key: string, owner: Node, { previous }: Snapshot): Node | undefined {
  if (previous === undefined) return undefined;
  const source = ownerOf(key, previous);
  return source === owner ? undefined : source;
}

/** Whether a node on a ring does not serve its keys at present. */
export function isClosed(node: Node, { hasClosed, absences }: Snapshot): boolean {
  return hasClosed && (absences.get(node) ?? 'away') !== 'away';
}

/**
 * The nodes that miss a write to a key, because they are away and come before the key's owner on the ring. Each of them
 * could be the next owner.
 */
export function missingFor(key: string, { missing, ring }: Snapshot): readonly string[] {
  if (missing === undefined) return [];
  const first = missing.ring.get(key) as string;
  if (!missing.names.includes(first)) return [];
  const owner = ring.get(key) as string;
  const order = missing.ring.replicas(key, missing.ring.size);
  return order.slice(0, order.indexOf(owner)).filter((name) => missing.names.includes(name));
}

/** Options for the commands of a call. */
export function optionsFor({ isWrite }: { readonly isWrite: boolean }, snapshot: Snapshot): SendOptions {
  return isWrite ? snapshot.writes : snapshot.reads;
}

/** Keeps all nodes open between the commands of a call. @returns a release function */
export function retainAll({ allNodes }: Snapshot): () => void {
  const releases = allNodes.map((node) => node.retain());
  return () => {
    for (const release of releases.splice(0)) release();
  };
}

/** Holds the current snapshot. The node pool replaces it in one step; all others only read it. */
export class Topology {
  #snapshot: Snapshot = snapshotOf([]);

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  replace(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }
}
