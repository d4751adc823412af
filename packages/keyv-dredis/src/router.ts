import { type Batch, Batcher, type BatchLimits } from './batch.js';
import type { DRedisError } from './errors.js';
import type { Node } from './node.js';
import type { Topology } from './topology.js';
import type { StoredValue } from './values.js';

/**
 * The most keys that one command names, or that are on their way to one node for one call at a time.
 * A server works on a command of that many for some milliseconds, and on nothing else.
 */
const MAX_KEYS_PER_STEP = 10_000;

/** The part of a call that belongs to one node, or a step of it. */
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
  async getMany(keys: readonly string[]): Promise<Gathered<StoredValue | undefined>> {
    if (keys.length === 0 || keys.length > this.#limits.keyCount) {
      return this.scatter(keys, undefined, async ({ node, keys }) => {
        const values = await node.run((commands) => commands.mGet(keys));
        return { values: values.map((value) => value ?? undefined) };
      });
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
    const { ring, nodes } = this.#topology.snapshot;
    // A store has one node or more, and the ring holds the same names as the map.
    return nodes.get(ring.get(key) as string) as Node;
  }

  /**
   * Cuts a call into one share per node, sends them all at once (a very large one step by step) and
   * puts the values back in place. A node that fails costs its own keys only.
   *
   * @param missing the value of a key whose node failed
   */
  async scatter<T>(
    keys: readonly string[],
    missing: T,
    send: (share: Share) => Promise<ShareOutcome<T>>,
  ): Promise<Gathered<T>> {
    const values = new Array<T>(keys.length).fill(missing);
    const errors: DRedisError[] = [];
    await Promise.all(
      this.#shares(keys).map(async (share) => {
        let failure: DRedisError | undefined;
        const release = share.keys.length > MAX_KEYS_PER_STEP ? share.node.hold() : undefined;
        try {
          for (const step of stepsOf(share)) {
            const outcome = await send(step);
            step.positions.forEach((position, index) => {
              values[position] = outcome.values[index] as T;
            });
            failure ??= outcome.error;
          }
        } catch (error) {
          failure ??= error as DRedisError;
        } finally {
          release?.();
        }
        if (failure !== undefined) errors.push(failure);
      }),
    );
    return { values, errors };
  }

  #read(batch: Batch<StoredValue | undefined>): void {
    for (const { node, keys, positions } of this.#shares(batch.keys)) {
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

  #shares(keys: readonly string[]): readonly Share[] {
    if (keys.length === 1) return [{ node: this.owner(keys[0] as string), keys, positions: [0] }];
    const { ring, byIndex } = this.#topology.snapshot;
    const owners = ring.getManyIndexes(keys);
    const shares: { node: Node; keys: string[]; positions: number[] }[] = [];
    const byOwner = new Array<(typeof shares)[number] | undefined>(byIndex.length);
    for (let position = 0; position < keys.length; position += 1) {
      const owner = owners[position] as number;
      let share = byOwner[owner];
      if (share === undefined) {
        share = { node: byIndex[owner] as Node, keys: [], positions: [] };
        byOwner[owner] = share;
        shares.push(share);
      }
      share.keys.push(keys[position] as string);
      share.positions.push(position);
    }
    return shares;
  }
}

function* stepsOf(share: Share): Generator<Share, void> {
  const { node, keys, positions } = share;
  if (keys.length <= MAX_KEYS_PER_STEP) {
    yield share;
    return;
  }
  for (let start = 0; start < keys.length; start += MAX_KEYS_PER_STEP) {
    const end = start + MAX_KEYS_PER_STEP;
    yield { node, keys: keys.slice(start, end), positions: positions.slice(start, end) };
  }
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
