import { isDeepStrictEqual } from 'node:util';
import { type ClientSource, discard, type NodeDescription } from '../config/locations.js';
import { DRedisError, PartialFailureError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import { snapshotOf, type Topology } from './topology.js';

interface Member {
  readonly node: Node;
  readonly source: ClientSource;
}

/** Creates the nodes of a store, replaces them while it runs, and closes them. */
export class NodePool {
  readonly #topology: Topology;
  readonly #makeNode: (description: NodeDescription) => Node;
  #members: ReadonlyMap<string, Member>;
  /** The last update. Each update waits for the previous update. */
  #updating: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    topology: Topology,
    descriptions: readonly NodeDescription[],
    makeNode: (description: NodeDescription) => Node,
  ) {
    this.#topology = topology;
    this.#makeNode = makeNode;
    this.#members = new Map(descriptions.map((description) => [description.name, this.#member(description)]));
    topology.replace(snapshotFrom(descriptions, this.#members));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Connects every node.
   *
   * @throws PartialFailureError with the names of the nodes that could not be reached; the other nodes are up
   */
  async connect(): Promise<void> {
    await connectAll(this.#topology.snapshot.nodes.values());
  }

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
    this.#closing ??= this.#updating.then(() => closeAll([...this.#members.values()]));
    return this.#closing;
  }

  async #update(descriptions: readonly NodeDescription[]): Promise<void> {
    if (this.closed) throw new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
    const before = this.#members;
    const after = new Map<string, Member>();
    const created: Member[] = [];
    for (const description of descriptions) {
      const current = before.get(description.name);
      if (current !== undefined && isSameSource(current.source, description.source)) {
        after.set(description.name, current);
        discard(description);
      } else {
        const member = this.#member(description);
        created.push(member);
        after.set(description.name, member);
      }
    }
    try {
      const snapshot = snapshotFrom(descriptions, after);
      await connectAll(created.map(({ node }) => node));
      this.#members = after;
      this.#topology.replace(snapshot);
    } catch (error) {
      await closeAll(created);
      throw error;
    }
    await closeAll([...before.values()].filter((member) => after.get(member.node.name) !== member));
  }

  #member(description: NodeDescription): Member {
    return { node: this.#makeNode(description), source: description.source };
  }
}

function snapshotFrom(descriptions: readonly NodeDescription[], members: ReadonlyMap<string, Member>) {
  return snapshotOf(
    descriptions.map(({ name, weight }) => [(members.get(name) as Member).node, weight] as const),
  );
}

async function connectAll(nodes: Iterable<Node>): Promise<void> {
  const outcomes = await Promise.allSettled(Array.from(nodes, (node) => node.connect()));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  if (errors.length > 0) {
    throw new PartialFailureError('DREDIS_CONNECT_INCOMPLETE', 'Not every node could be reached', errors);
  }
}

async function closeAll(members: readonly Member[]): Promise<void> {
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
