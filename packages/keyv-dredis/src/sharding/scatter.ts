import type { MultiResult } from '../errors/multi-result.js';
import type { StoredValue } from '../format/values.js';
import type { Entry } from '../node/commands.js';
import { SupersededError } from '../node/superseded.js';
import { isLong } from '../node/value-limit.js';
import type { CallBatcher } from './call-batcher.js';
import { type CallOrder, READ, WRITE } from './call-order.js';
import { CallResults, type NodeReply, type SupersededRequest, setApart, without } from './call-results.js';
import { ChunkedCall } from './chunked-call.js';
import { CHUNK_SIZE } from './chunks.js';
import { EntryWriter } from './entry-writer.js';
import { GetManyCall } from './get-many-call.js';
import { logKeys } from './missed-writes.js';
import { isMoving, type MovingCalls, unlinkOne } from './moving-calls.js';
import { pipeline } from './pipeline.js';
import type { NodeRequest, Placement } from './placement.js';
import type { StartOver } from './start-over.js';
import { Strays } from './strays.js';
import { retainAll, type Snapshot } from './topology.js';

/** How a multi-key call is sent. */
export interface Operation<T> {
  readonly kind: typeof READ | typeof WRITE;
  /** Value for a key whose node failed. */
  readonly missing: T;
  /** Whether a key is sent in a request of its own, so that the server can refuse it without the others. */
  readonly isApart?: (position: number) => boolean;
  /**
   * Sends one node's part of the call, before it returns the promise.
   *
   * @param keys all physical keys of the call
   * @param order in which to run a part that takes several steps
   */
  readonly send: (
    request: NodeRequest,
    keys: readonly string[],
    snapshot: Snapshot,
    order: CallOrder,
  ) => Promise<NodeReply<T>>;
}

/** Dependencies of {@link Scatter}. */
export interface ScatterOptions {
  readonly placement: Placement;
  readonly batcher: CallBatcher;
  readonly maxBatchSize: number;
  readonly order: CallOrder;
  readonly moving: MovingCalls;
  readonly startOver: StartOver;
}

/** Requests of a call that are sent together. */
interface CallPart<T> {
  readonly results: CallResults<T>;
  readonly operation: Operation<T>;
  /** All physical keys of the call. */
  readonly keys: readonly string[];
  readonly snapshot: Snapshot;
  readonly order: CallOrder;
}

/**
 * Runs multi-key calls: sends one request per node, to all nodes in parallel, and returns the results in the
 * order of the keys. If a node fails, only its own keys are affected.
 *
 * Each method takes the call's items and a function that converts an item. If there are more items than
 * {@link CHUNK_SIZE}, the method yields to the event loop between chunks. The method sends nothing until all
 * items are converted, and uses the same snapshot for all chunks.
 */
export class Scatter {
  readonly #options: ScatterOptions;
  readonly #order: CallOrder;
  readonly #entries = new EntryWriter();

  constructor(options: ScatterOptions) {
    this.#options = options;
    this.#order = options.order;
  }

  /**
   * Sends one MGET per node. A missing value is undefined. Small calls share their MGETs with other reads in
   * the same turn of the event loop.
   */
  async getMany(
    keys: readonly string[],
    toKey: (key: string) => string,
  ): Promise<MultiResult<StoredValue | undefined>> {
    const { batcher, maxBatchSize, moving } = this.#options;
    if (keys.length > 0 && keys.length <= Math.min(maxBatchSize, CHUNK_SIZE)) {
      const physical = keys.map((key) => toKey(key));
      for (const key of physical) this.#order.before(key, READ);
      return batcher.runMany(new GetManyCall(physical));
    }
    return this.call(keys, toKey, {
      kind: READ,
      missing: undefined,
      send: async (request, _keys, snapshot) => ({ values: await moving.read(request, snapshot) }),
    });
  }

  /** Sends one EXISTS per key. */
  hasMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    return this.call(keys, toKey, {
      kind: READ,
      missing: false,
      send: async (request, _keys, snapshot) => {
        if (isMoving(request)) return { values: await this.#options.moving.has(request, snapshot) };
        const { node, keys } = request;
        const exists = (key: string) => node.run((commands) => commands.exists(key), snapshot.reads);
        return pipeline(keys, false, exists);
      },
    });
  }

  /**
   * If all of a node's entries expire at the same time, sends one MSET or MSETEX to that node. Otherwise,
   * sends one SET per entry. If two entries have the same key, the later entry wins.
   */
  setMany<Item>(items: readonly Item[], toEntry: (item: Item) => Entry): Promise<MultiResult<boolean>> {
    const entries: Entry[] = [];
    const toKey = (item: Item) => {
      const entry = toEntry(item);
      entries.push(entry);
      return entry.key;
    };
    return this.call(items, toKey, {
      ...this.#writing((request, snapshot, order) => {
        const set = () => this.#entries.write(request, entries, snapshot, order);
        return isMoving(request) ? this.#options.moving.set(request, snapshot, set) : set();
      }),
      isApart: (position) => isLong((entries[position] as Entry).value),
    });
  }

  /** Sends one UNLINK per key. Each reply shows whether the key existed. */
  deleteMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    // Keys that a failed or superseded attempt has removed. They count once a later attempt succeeds.
    const removed = new Set<number>();
    return this.call(
      keys,
      toKey,
      this.#writing(async (request, snapshot) => {
        const { node, keys, positions } = request;
        const wasRemoved = (existed: boolean, index: number) =>
          existed || removed.has(positions[index] as number);
        if (isMoving(request)) {
          const existed = await this.#options.moving.delete(request, snapshot, removed);
          return { values: existed.map(wasRemoved) };
        }
        return pipeline(keys, false, (key, index) =>
          unlinkOne(node, key, snapshot, () => removed.add(positions[index] as number)).then((existed) =>
            wasRemoved(existed, index),
          ),
        );
      }),
    );
  }

  /**
   * Runs a multi-key call.
   *
   * @param toKey returns an item's physical key; called once per item, in order
   */
  async call<Item, T>(
    items: readonly Item[],
    toKey: (item: Item) => string,
    operation: Operation<T>,
  ): Promise<MultiResult<T>> {
    const { placement } = this.#options;
    const { kind, missing } = operation;
    const { snapshot } = placement;
    const results = new CallResults<T>(items.length, missing);
    if (items.length <= CHUNK_SIZE) {
      const keys = items.map((item) => toKey(item));
      for (const key of keys) this.#order.before(key, kind);
      const requests = placement.requestsFor(keys, 0, snapshot);
      await this.#collect(requests, { results, operation, keys, snapshot, order: this.#order });
      return results.all;
    }
    const call: ChunkedCall<Item> = new ChunkedCall({
      isWrite: kind.isWrite,
      // Copies the array, because the caller may change it in the meantime.
      items: items.slice(),
      toKey,
      send: (keys, start, sent, steps) => {
        const requests = without(sent, placement.requestsFor(keys, start, snapshot));
        return this.#collect(requests, { results, operation, keys: call.keys, snapshot, order: steps });
      },
    });
    const release = retainAll(snapshot);
    try {
      await this.#order.run(call, () => call.run(this.#order));
    } finally {
      release();
    }
    return results.all;
  }

  #collect<T>(requests: readonly NodeRequest[], part: CallPart<T>): Promise<void> {
    const { results, operation, keys, snapshot, order } = part;
    const { batcher, startOver } = this.#options;
    batcher.flush();
    return results.collect(
      setApart(requests, operation.isApart),
      (request) =>
        isMoving(request) ||
        startOver.isNeededForAny(request.node, snapshot, request.keys, operation.kind.isWrite)
          ? 'later'
          : operation.send(request, keys, snapshot, order),
      (superseded) => this.#collectAgain(superseded, part),
    );
  }

  /** Sends a part of a call again, under the current topology. */
  async #collectAgain<T>(
    { request, error }: SupersededRequest,
    { results, operation, keys: allKeys, order }: CallPart<T>,
  ): Promise<void> {
    const { placement, startOver } = this.#options;
    const { node, positions } = request;
    const { isWrite } = operation.kind;
    const keys = positions.map((position) => allKeys[position] as string);
    const strays = new Strays();
    if (error !== undefined) strays.add(node);
    const attempt = async (snapshot: Snapshot) => {
      if (isWrite) await strays.remove(keys, snapshot);
      const requests = placement.requestsFor(keys, 0, snapshot).map((each) => ({
        ...each,
        positions: each.positions.map((index) => positions[index] as number),
      }));
      await settleAll(
        setApart(requests, operation.isApart).map(async (each) => {
          strays.add(each.node);
          const send = () => operation.send(each, allKeys, snapshot, order);
          const superseded = await results.collectOne(each, send);
          if (superseded?.error !== undefined) throw superseded.error;
        }),
      );
    };
    await startOver.run({ node, keys, isWrite }, attempt, error);
  }

  #writing(
    send: (request: NodeRequest, snapshot: Snapshot, order: CallOrder) => Promise<NodeReply<boolean>>,
  ): Operation<boolean> {
    return {
      kind: WRITE,
      missing: false,
      send: async (request, _keys, snapshot, order) => {
        const { node } = request;
        if (snapshot.missing === undefined) return send(request, snapshot, order);
        const log = node.run(
          (commands) => Promise.all(logKeys(commands, request.keys, snapshot)),
          snapshot.writes,
        );
        const [reply] = await Promise.all([send(request, snapshot, order), log]);
        return reply;
      },
    };
  }
}

/** Waits for all promises. @throws the error of one of them; if a SupersededError is among them, that one */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  if (errors.length > 0) throw errors.find((error) => error instanceof SupersededError) ?? errors[0];
}
