import { type Batch, Batcher, type BatchLimits } from './batch.js';
import type { DRedisError } from './errors.js';
import type { Node } from './node.js';
import { STEP, turnOfEventLoop } from './steps.js';
import type { Snapshot, Topology } from './topology.js';
import type { StoredValue } from './values.js';

/** The part of a call, or of a step of it, that belongs to one node. */
export interface Share {
  readonly node: Node;
  /** Physical keys, in the order of the call, duplicates and all. */
  readonly keys: readonly string[];
  /** Where each key stands in the call. */
  readonly positions: readonly number[];
}

/** What one node made of its share: one value per key, and why where some failed. */
export interface ShareOutcome<T> {
  readonly values: readonly T[];
  readonly error?: DRedisError | undefined;
}

/** What came of a call over several nodes. */
export interface Gathered<T> {
  /** One value per key of the call, in its order. */
  readonly values: T[];
  /** One error per node that failed, wholly or in part. */
  readonly errors: readonly DRedisError[];
}

/** Finds the node of a key, and spreads a call of many keys over their nodes. */
export class Router {
  readonly #topology: Topology;
  readonly #limits: BatchLimits;
  readonly #reads: Batcher<StoredValue | undefined>;

  constructor(topology: Topology, limits: BatchLimits) {
    this.#topology = topology;
    this.#limits = limits;
    this.#reads = new Batcher(limits, (batch) => this.#read(batch));
  }

  /** The value of a key. Reads of the same turn of the event loop travel together. */
  get(prefix: string, key: string): Promise<StoredValue | undefined> {
    return this.#reads.get(prefix, key);
  }

  /** The values of many physical keys. What one batch can hold travels with the reads of the same turn. */
  async getMany(keys: readonly string[], snapshot?: Snapshot): Promise<Gathered<StoredValue | undefined>> {
    if (keys.length === 0 || keys.length > this.#limits.keyCount) {
      const read = async ({ node, keys }: Share) => {
        const values = await node.run((commands) => commands.mGet(keys));
        return { values: values.map((value) => value ?? undefined) };
      };
      return this.scatter(keys, undefined, read, snapshot);
    }
    const { values, errors } = await this.#reads.getMany(keys);
    return { values, errors: [...errors] as DRedisError[] };
  }

  /**
   * Sends the reads that wait where a key may be among them that is about to be written: what was
   * asked for first is sent first.
   */
  flushBefore(prefix: string, key: string): void {
    this.#reads.flushBefore(prefix, key);
  }

  /** Sends the reads that wait for the end of the turn. */
  flush(): void {
    this.#reads.flush();
  }

  /** The node that owns a physical key. */
  owner(key: string): Node {
    return ownerOf(key, this.#topology.snapshot);
  }

  /**
   * Cuts a call into one share per node, sends them all at once (those of a very large call step by
   * step) and puts the values back in place. A node that fails costs its own keys only, and gets no
   * further step.
   *
   * @param missing the value of a key whose node failed
   * @param snapshot the nodes to send to; the present ones when left out
   */
  async scatter<T>(
    keys: readonly string[],
    missing: T,
    send: (share: Share) => Promise<ShareOutcome<T>>,
    snapshot: Snapshot = this.#topology.snapshot,
  ): Promise<Gathered<T>> {
    const values = new Array<T>(keys.length).fill(missing);
    const errors = new Map<Node, DRedisError>();
    const lost = new Set<Node>();
    const sendShare = async (share: Share) => {
      if (lost.has(share.node)) return;
      let failure: DRedisError | undefined;
      try {
        const outcome = await send(share);
        failure = outcome.error;
        share.positions.forEach((position, index) => {
          values[position] = outcome.values[index] as T;
        });
      } catch (error) {
        lost.add(share.node);
        failure = error as DRedisError;
      }
      if (failure !== undefined && !errors.has(share.node)) errors.set(share.node, failure);
    };
    for (let start = 0; start < keys.length; start += STEP) {
      // The first step goes out at once: what is asked for later must not overtake it.
      if (start > 0) await turnOfEventLoop();
      const step = keys.length > STEP ? keys.slice(start, start + STEP) : keys;
      await Promise.all(sharesOf(step, start, snapshot).map(sendShare));
    }
    return { values, errors: [...errors.values()] };
  }

  #read(batch: Batch<StoredValue | undefined>): void {
    for (const { node, keys, positions } of sharesOf(batch.keys, 0, this.#topology.snapshot)) {
      node.send(
        (commands) => commands.mGet(keys),
        (values) => {
          for (let index = 0; index < values.length; index += 1) {
            batch.resolve(positions[index] as number, values[index] ?? undefined);
          }
        },
        (error) => {
          for (const position of positions) batch.reject(position, error);
        },
      );
    }
  }
}

function ownerOf(key: string, { ring, nodes }: Snapshot): Node {
  // A store has one node or more, and the ring holds the same names as the map.
  return nodes.get(ring.get(key) as string) as Node;
}

/** @param start where the first of the keys stands in the call */
function sharesOf(keys: readonly string[], start: number, snapshot: Snapshot): readonly Share[] {
  if (keys.length === 1) return [{ node: ownerOf(keys[0] as string, snapshot), keys, positions: [start] }];
  const { ring, byIndex } = snapshot;
  const owners = ring.getManyIndexes(keys);
  const shares: { node: Node; keys: string[]; positions: number[] }[] = [];
  const byOwner = new Array<(typeof shares)[number] | undefined>(byIndex.length);
  for (let index = 0; index < keys.length; index += 1) {
    const owner = owners[index] as number;
    let share = byOwner[owner];
    if (share === undefined) {
      share = { node: byIndex[owner] as Node, keys: [], positions: [] };
      byOwner[owner] = share;
      shares.push(share);
    }
    share.keys.push(keys[index] as string);
    share.positions.push(start + index);
  }
  return shares;
}

/** Runs one command per key, all on their way at once, and tells what failed. */
export async function pipeline<T>(
  keys: readonly string[],
  missing: T,
  run: (key: string, index: number) => Promise<T>,
): Promise<ShareOutcome<T>> {
  const outcomes = await Promise.allSettled(keys.map(run));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  return {
    values: outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : missing)),
    error: failed?.reason,
  };
}
