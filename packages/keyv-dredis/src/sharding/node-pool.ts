import { isDeepStrictEqual } from 'node:util';
import { type ClientSource, discard, type NodeDescription } from '../config/locations.js';
import { DRedisError, PartialFailureError } from '../errors/errors.js';
import type { Absence } from '../node/absence.js';
import type { Node } from '../node/node.js';
import { type Member, type Snapshot, snapshotOf, type Topology } from './topology.js';

interface PooledNode {
  readonly node: Node;
  readonly source: ClientSource;
}

/** A node in a topology that all processes follow. */
export interface SharedNode extends NodeDescription {
  readonly state?: Absence | undefined;
  readonly log?: string | undefined;
}

/** A topology that all processes follow. */
export interface SharedTopology {
  /** 1 or more. */
  readonly epoch: number;
  readonly nodes: readonly SharedNode[];
  /** The nodes before, while entries move. */
  readonly previous?: readonly SharedNode[] | undefined;
}

/** Creates the nodes of a store, replaces them while it runs, and closes them. */
export class NodePool {
  readonly #topology: Topology;
  readonly #makeNode: (description: NodeDescription) => Node;
  #members: ReadonlyMap<string, PooledNode>;
  /** The last update. Each update waits for the previous update. */
  #updating: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Removed nodes that finish their calls. */
  readonly #retiring = new Set<Promise<void>>();

  constructor(
    topology: Topology,
    descriptions: readonly NodeDescription[],
    makeNode: (description: NodeDescription) => Node,
  ) {
    this.#topology = topology;
    this.#makeNode = makeNode;
    this.#members = new Map(descriptions.map((description) => [description.name, this.#member(description)]));
    topology.replace(snapshotOf(membersOf(descriptions, this.#members)));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Connects every node, except for those that are not in service.
   *
   * @throws PartialFailureError with the names of the nodes that could not be reached; the other nodes are up
   */
  async connect(): Promise<void> {
    // Which nodes are in service may not be known until some of them are connected.
    for (let before: Snapshot | undefined; before !== this.#topology.snapshot; ) {
      before = this.#topology.snapshot;
      await connectAll(before.allNodes.filter(this.#isInService), this.#isInService);
    }
  }

  readonly #isInService = (node: Node): boolean => {
    const { allNodes, absences } = this.#topology.snapshot;
    return allNodes.includes(node) && !absences.has(node);
  };

  /**
   * Replaces the nodes. Nodes with the same name and source are kept. First connects the new nodes, and then
   * replaces the snapshot. Finally waits for calls in flight to the removed nodes, and closes these
   * nodes.
   *
   * @throws PartialFailureError if a new node cannot be reached; then nothing changes
   */
  update(descriptions: readonly NodeDescription[]): Promise<void> {
    const updated = this.#updating.then(() => this.#update(descriptions));
    this.#updating = updated.catch(() => undefined);
    return updated;
  }

  /** Closes all nodes. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#updating.then(async () => {
      await closeAll([...this.#members.values()]);
      await Promise.all(this.#retiring);
    });
    return this.#closing;
  }

  /**
   * Uses the nodes of a topology that all processes follow. Does not wait until new nodes are connected, and closes
   * the removed nodes in the background. Calls in flight start over.
   */
  adopt({ epoch, nodes, previous }: SharedTopology): void {
    if (this.closed) return;
    const before = this.#members;
    const after = new Map<string, PooledNode>();
    for (const description of [...nodes, ...(previous ?? [])]) {
      if (after.has(description.name)) continue;
      const current = before.get(description.name);
      const isKept = current !== undefined && isSameSource(current.source, description.source);
      after.set(description.name, isKept ? current : this.#member(description));
    }
    const options = { epoch, previous: previous && membersOf(previous, after) };
    this.#use(after, snapshotOf(membersOf(nodes, after), options));
    // Before the first call, so that the call need not wait for the connection.
    for (const member of after.values()) if (before.get(member.node.name) !== member) void member.node.wake();
    for (const member of before.values()) {
      if (after.get(member.node.name) === member) continue;
      const closed = member.node.retire();
      this.#retiring.add(closed);
      void closed.then(() => this.#retiring.delete(closed));
    }
  }

  async #update(descriptions: readonly NodeDescription[]): Promise<void> {
    if (this.closed) throw new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
    this.#assertFixed();
    const before = this.#members;
    const after = new Map<string, PooledNode>();
    const created: PooledNode[] = [];
    for (const description of descriptions) {
      const current = before.get(description.name);
      if (current !== undefined && isSameSource(current.source, description.source)) {
        after.set(description.name, current);
        discard(description);
        // If the node is down, it may have been repaired.
        current.node.connect().catch(() => undefined);
      } else {
        const member = this.#member(description);
        created.push(member);
        after.set(description.name, member);
      }
    }
    try {
      const snapshot = snapshotOf(membersOf(descriptions, after));
      await connectAll(created.map(({ node }) => node));
      this.#assertFixed();
      this.#use(after, snapshot);
    } catch (error) {
      await closeAll(created);
      throw error;
    }
    await closeAll([...before.values()].filter((member) => after.get(member.node.name) !== member));
  }

  #use(members: ReadonlyMap<string, PooledNode>, snapshot: Snapshot): void {
    this.#members = members;
    this.#topology.replace(snapshot);
  }

  /** @throws DRedisError if all processes follow a common topology */
  #assertFixed(): void {
    const { epoch } = this.#topology.snapshot;
    if (epoch === 0) return;
    throw new DRedisError(
      'DREDIS_TOPOLOGY_SHARED',
      `updateNodes() changes the nodes of one process, but all processes of this cache follow a common topology ` +
        `(epoch ${epoch}); call reshard(), or run npx keyv-dredis add, remove or weight`,
    );
  }

  #member(description: NodeDescription): PooledNode {
    return { node: this.#makeNode(description), source: description.source };
  }
}

function membersOf(nodes: readonly SharedNode[], pool: ReadonlyMap<string, PooledNode>): readonly Member[] {
  return nodes.map(({ name, weight, state, log }) => ({
    node: (pool.get(name) as PooledNode).node,
    weight,
    state,
    log,
  }));
}

/** @param isNeeded whether it matters that a node could not be connected */
async function connectAll(
  nodes: readonly Node[],
  isNeeded: (node: Node) => boolean = () => true,
): Promise<void> {
  const outcomes = await Promise.allSettled(nodes.map((node) => node.connect()));
  const errors = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' && isNeeded(nodes[index] as Node) ? [outcome.reason] : [],
  );
  if (errors.length > 0) {
    throw new PartialFailureError('DREDIS_CONNECT_INCOMPLETE', 'Not every node could be reached', errors);
  }
}

async function closeAll(members: readonly PooledNode[]): Promise<void> {
  await Promise.all(members.map(({ node }) => node.close()));
}

function isSameSource(one: ClientSource, other: ClientSource): boolean {
  if (one.kind === 'client' && other.kind === 'client') return one.client === other.client;
  if (one.kind === 'factory' && other.kind === 'factory') return one.factory === other.factory;
  return (
    one.kind === 'options' &&
    other.kind === 'options' &&
    isDeepStrictEqual(one.clientOptions, other.clientOptions)
  );
}
