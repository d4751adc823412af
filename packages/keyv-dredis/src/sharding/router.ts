import { ignore } from '../connection/connection.js';
import { CommandFailedError, type DRedisError } from '../errors/errors.js';
import { copyKey } from '../format/keyspace.js';
import type { StoredValue } from '../format/values.js';
import type { Commands } from '../node/commands.js';
import type { Node } from '../node/node.js';
import { type Hints, hintOfKey } from '../outage/hints.js';
import { STEP, turnOfEventLoop } from './chunks.js';
import { type Batch, Batcher, type BatchLimits } from './read-batcher.js';
import type { Snapshot, Topology } from './topology.js';

/** Where a key is at the moment. */
export interface Place {
  readonly node: Node;
  /** What the key is called there. */
  readonly key: string;
  /** The node stands in for the key's owner, which is away. */
  readonly standsIn: boolean;
}

/** The part of a call, or of a step of it, that one node serves. */
export interface Share {
  readonly node: Node;
  /** Keys as the node knows them, in the order of the call, duplicates and all. */
  readonly keys: readonly string[];
  /** The node stands in for their owners, which are away. */
  readonly standsIn: boolean;
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
  readonly #hints: Hints;
  readonly #limits: BatchLimits;
  readonly #failsOver: boolean;
  readonly #reads: Batcher<StoredValue | undefined>;

  /** @param failsOver whether other nodes stand in for one that is away */
  constructor(topology: Topology, hints: Hints, limits: BatchLimits, failsOver: boolean) {
    this.#topology = topology;
    this.#hints = hints;
    this.#limits = limits;
    this.#failsOver = failsOver;
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

  /** Where a physical key is at the moment. */
  place(key: string): Place {
    return this.#place(key, this.#topology.snapshot);
  }

  /**
   * Sends the write of one physical key to where it is at the moment. Nodes that miss it, or may have,
   * are left a hint.
   */
  write<T>(
    key: string,
    send: (commands: Commands, place: Place) => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const { snapshot } = this.#topology;
    const place = this.#place(key, snapshot);
    const { node, standsIn } = place;
    const hinted = standsIn ? this.#leaveAllBefore(node, key, snapshot) : undefined;
    node.send(
      (commands) => send(commands, place),
      (value) => (hinted === undefined ? resolve(value) : hinted.then(() => resolve(value))),
      (error) => {
        this.#leaveMissed({ node, standsIn, keys: [place.key] }, error);
        reject(error);
      },
    );
  }

  /**
   * Cuts a call into one share per node, sends them all at once (those of a very large call step by
   * step) and puts the values back in place. A node that fails costs its own keys only.
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
    const sendShare = async (share: Share) => {
      let failure: DRedisError | undefined;
      try {
        const outcome = await send(share);
        failure = outcome.error;
        share.positions.forEach((position, index) => {
          values[position] = outcome.values[index] as T;
        });
      } catch (error) {
        failure = error as DRedisError;
      }
      if (failure !== undefined && !errors.has(share.node)) errors.set(share.node, failure);
    };
    for (let start = 0; start < keys.length; start += STEP) {
      // The first step goes out at once: what is asked for later must not overtake it.
      if (start > 0) await turnOfEventLoop();
      const step = keys.length > STEP ? keys.slice(start, start + STEP) : keys;
      await Promise.all(this.#shares(step, start, snapshot).map(sendShare));
    }
    return { values, errors: [...errors.values()] };
  }

  /** The same for writes: nodes that miss them, or may have, are left hints. */
  scatterWrites<T>(
    keys: readonly string[],
    missing: T,
    send: (share: Share) => Promise<ShareOutcome<T>>,
    snapshot: Snapshot,
  ): Promise<Gathered<T>> {
    const sendWrites = async (share: Share) => {
      const { node, standsIn, positions } = share;
      const hinted = standsIn
        ? positions.map((position) => this.#leaveAllBefore(node, keys[position] as string, snapshot))
        : [];
      try {
        const outcome = await send(share);
        if (outcome.error !== undefined) this.#leaveMissed(share, outcome.error);
        await Promise.all(hinted);
        return outcome;
      } catch (error) {
        this.#leaveMissed(share, error);
        throw error;
      }
    };
    return this.scatter(keys, missing, sendWrites, snapshot);
  }

  #read(batch: Batch<StoredValue | undefined>): void {
    for (const { node, keys, positions } of this.#shares(batch.keys, 0, this.#topology.snapshot)) {
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

  /** @param start where the first of the keys stands in the call */
  #shares(keys: readonly string[], start: number, snapshot: Snapshot): readonly Share[] {
    const shares = sharesOf(keys, start, snapshot);
    if (!this.#failsOver || shares.every(({ node }) => node.serves)) return shares;
    const placed = new Map<Node, { node: Node; standsIn: true; keys: string[]; positions: number[] }>();
    for (const { keys, positions } of shares.filter(({ node }) => !node.serves)) {
      for (const [index, original] of keys.entries()) {
        const { node, key, standsIn } = this.#place(original, snapshot);
        // Nobody stands in: it fails as its owner does.
        if (!standsIn) return shares;
        const share = placed.get(node) ?? { node, standsIn, keys: [], positions: [] };
        placed.set(node, share);
        share.keys.push(key);
        share.positions.push(positions[index] as number);
      }
    }
    return [...shares.filter(({ node }) => node.serves), ...placed.values()];
  }

  #place(key: string, snapshot: Snapshot): Place {
    const owner = ownerOf(key, snapshot);
    if (owner.serves || !this.#failsOver || isCutOff(snapshot)) return { node: owner, key, standsIn: false };
    // At least half of them are there.
    return { node: standInFor(key, snapshot) as Node, key: copyKey(key), standsIn: true };
  }

  /** Hints for the owner of a key, and for all that would stand in for it sooner than one that does. */
  async #leaveAllBefore(standIn: Node, key: string, { ring, nodes }: Snapshot): Promise<void> {
    const names = ring.replicas(key, ring.size);
    const before = names.slice(0, names.indexOf(standIn.name));
    await Promise.all(
      before.map((name, place) =>
        this.#hints.leave(nodes.get(name) as Node, hintOfKey(place === 0 ? key : copyKey(key)), standIn),
      ),
    );
  }

  #leaveMissed({ node, standsIn, keys }: Pick<Share, 'node' | 'standsIn' | 'keys'>, error: unknown): void {
    // A refusal is an answer: it was not done.
    if (error instanceof CommandFailedError && node.serves) return;
    for (const key of keys) {
      this.#hints.leave(node, hintOfKey(key));
      // Where the node stands in, that is the copy.
      if (this.#failsOver && !standsIn) this.#dropCopy(key);
    }
  }

  /** Where a node stood in before we were cut off, it will again: not with what was to be overwritten. */
  #dropCopy(key: string): void {
    const node = standInFor(key, this.#topology.snapshot);
    const copy = copyKey(key);
    node?.send(
      (commands) => commands.unlink([copy]),
      ignore,
      () => this.#hints.leave(node, hintOfKey(copy)),
    );
  }
}

/** Whether the nodes that are away have more than half of the weight: then it is rather we who are. */
function isCutOff({ byIndex, weights }: Snapshot): boolean {
  let away = 0;
  let all = 0;
  for (const [index, node] of byIndex.entries()) {
    const weight = weights[index] as number;
    all += weight;
    if (!node.serves) away += weight;
  }
  return away > all / 2;
}

function ownerOf(key: string, { ring, nodes }: Snapshot): Node {
  // A store has one node or more, and the ring holds the same names as the map.
  return nodes.get(ring.get(key) as string) as Node;
}

/** The next live node clockwise, where there is one: the owner itself where that is live. */
function standInFor(key: string, { ring, nodes }: Snapshot): Node | undefined {
  return ring
    .replicas(key, ring.size)
    .map((name) => nodes.get(name) as Node)
    .find(({ serves }) => serves);
}

/** @param start where the first of the keys stands in the call */
function sharesOf(keys: readonly string[], start: number, snapshot: Snapshot): readonly Share[] {
  if (keys.length === 1)
    return [{ node: ownerOf(keys[0] as string, snapshot), standsIn: false, keys, positions: [start] }];
  const { ring, byIndex } = snapshot;
  const owners = ring.getManyIndexes(keys);
  const shares: { node: Node; standsIn: false; keys: string[]; positions: number[] }[] = [];
  const byOwner = new Array<(typeof shares)[number] | undefined>(byIndex.length);
  for (let index = 0; index < keys.length; index += 1) {
    const owner = owners[index] as number;
    let share = byOwner[owner];
    if (share === undefined) {
      share = { node: byIndex[owner] as Node, standsIn: false, keys: [], positions: [] };
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
