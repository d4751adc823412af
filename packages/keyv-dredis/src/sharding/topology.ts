import { isDeepStrictEqual } from 'node:util';
import { HashRing } from 'hash-ring';
import { type ClientSource, discard, type NodeDescription } from '../config/locations.js';
import { DRedisError, PartialFailureError } from '../errors/errors.js';
import { Node, type NodeKeeper, type NodeListener, type NodeOptions } from '../node/node.js';

/**
 * The nodes at one moment and who owns what. It never changes: whoever starts with one ends with it.
 */
export interface Snapshot {
  readonly ring: HashRing;
  /** In the order of the locations. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** In the order of `ring.nodes`: what `ring.getManyIndexes` points into. */
  readonly byIndex: readonly Node[];
  /** Their weights, in the same order. */
  readonly weights: readonly number[];
}

/** Keeps all nodes open between the steps of a call. @returns how to end it, once */
export function holdAll({ byIndex }: Snapshot): () => void {
  const releases = byIndex.map((node) => node.hold());
  return () => {
    for (const release of releases) release();
  };
}

interface Member {
  readonly node: Node;
  readonly source: ClientSource;
}

/** The nodes of a store: makes them, exchanges them while the store runs, closes them. */
export class Topology {
  readonly #options: NodeOptions;
  readonly #listener: NodeListener;
  readonly #keeper: NodeKeeper;
  #members: ReadonlyMap<string, Member>;
  #snapshot: Snapshot;
  /** The last change: each waits for the one before. */
  #change: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    descriptions: readonly NodeDescription[],
    options: NodeOptions,
    listener: NodeListener,
    keeper: NodeKeeper,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#keeper = keeper;
    this.#members = new Map(descriptions.map((description) => [description.name, this.#member(description)]));
    this.#snapshot = snapshotOf(descriptions, this.#members);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Connects every node.
   *
   * @throws PartialFailureError that names the nodes that could not be reached; the others are up
   */
  async connect(): Promise<void> {
    await connectAll(this.#snapshot.nodes.values());
  }

  /**
   * Goes over to other nodes: keeps those whose name and way to connect are the same, connects the
   * new ones, swaps the ring, lets the retired ones finish and closes them.
   *
   * @throws PartialFailureError when a new node cannot be reached; then nothing has changed
   */
  update(descriptions: readonly NodeDescription[]): Promise<void> {
    const change = this.#change.then(() => this.#update(descriptions));
    this.#change = change.catch(() => undefined);
    return change;
  }

  /** Closes all nodes. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#change.then(() => closeAll([...this.#members.values()]));
    return this.#closing;
  }

  async #update(descriptions: readonly NodeDescription[]): Promise<void> {
    if (this.closed) throw new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
    const before = this.#members;
    const after = new Map<string, Member>();
    const created: Member[] = [];
    for (const description of descriptions) {
      const known = before.get(description.name);
      if (known !== undefined && sameSource(known.source, description.source)) {
        after.set(description.name, known);
        discard(description);
      } else {
        const member = this.#member(description);
        created.push(member);
        after.set(description.name, member);
      }
    }
    try {
      const snapshot = snapshotOf(descriptions, after);
      await connectAll(created.map(({ node }) => node));
      this.#members = after;
      this.#snapshot = snapshot;
    } catch (error) {
      await closeAll(created);
      throw error;
    }
    await closeAll([...before.values()].filter((member) => after.get(member.node.name) !== member));
  }

  #member(description: NodeDescription): Member {
    const node = new Node(description, this.#options, this.#listener, this.#keeper);
    return { node, source: description.source };
  }
}

function snapshotOf(
  descriptions: readonly NodeDescription[],
  members: ReadonlyMap<string, Member>,
): Snapshot {
  const ring = new HashRing(descriptions.map(({ name, weight }) => ({ name, weight })));
  const nodes = new Map(Array.from(members, ([name, { node }]) => [name, node]));
  return {
    ring,
    nodes,
    byIndex: ring.nodes.map((name) => nodes.get(name) as Node),
    weights: descriptions.map(({ weight }) => weight),
  };
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

function sameSource(one: ClientSource, other: ClientSource): boolean {
  if (one.kind === 'client' && other.kind === 'client') return one.client === other.client;
  if (one.kind === 'factory' && other.kind === 'factory') return one.factory === other.factory;
  return (
    one.kind === 'options' &&
    other.kind === 'options' &&
    isDeepStrictEqual(one.clientOptions, other.clientOptions)
  );
}
