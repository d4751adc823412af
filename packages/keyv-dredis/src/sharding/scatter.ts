import type { DRedisError } from '../errors/errors.js';
import type { MultiResult } from '../errors/multi-result.js';
import type { StoredValue } from '../format/values.js';
import type { Node } from '../node/node.js';
import { CHUNK_SIZE, chunksOf, mapInChunks, yieldToEventLoop } from './chunks.js';
import { type NodeRequest, type Placement, sooner, type WriteObserver } from './placement.js';
import type { ReadBatcher } from './read-batcher.js';
import { retainAll, type Snapshot } from './topology.js';

/** One node's reply: a value per key, and an error if some keys failed. */
export interface NodeReply<T> {
  readonly values: readonly T[];
  readonly error?: DRedisError | undefined;
}

/** An entry to store. */
export interface WriteEntry {
  /** Physical key. */
  readonly key: string;
  readonly value: StoredValue;
  /** Milliseconds since the Unix epoch; undefined for never. */
  readonly expiresAt: number | undefined;
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
  readonly #placement: Placement;
  readonly #reads: ReadBatcher<StoredValue | undefined>;
  readonly #observer: WriteObserver;
  readonly #maxBatchSize: number;

  constructor(
    placement: Placement,
    reads: ReadBatcher<StoredValue | undefined>,
    observer: WriteObserver,
    maxBatchSize: number,
  ) {
    this.#placement = placement;
    this.#reads = reads;
    this.#observer = observer;
    this.#maxBatchSize = maxBatchSize;
  }

  /**
   * Sends one MGET per node. A missing value is undefined. Small calls share their MGETs with other reads in
   * the same turn of the event loop.
   */
  getMany(
    keys: readonly string[],
    toKey: (key: string) => string,
  ): Promise<MultiResult<StoredValue | undefined>> {
    return this.#convert(keys, toKey, async (physical, snapshot) => {
      if (physical.length > 0 && physical.length <= this.#maxBatchSize) {
        const { values, errors } = await this.#reads.getMany(physical);
        return { values, errors: [...errors] as DRedisError[] };
      }
      return this.scatter(physical, undefined, snapshot, async ({ node, keys }) => ({
        values: await node.run((commands) => commands.mGet(keys)),
      }));
    });
  }

  /** Sends one EXISTS per key. */
  hasMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    return this.#convert(keys, toKey, (physical, snapshot) =>
      this.scatter(physical, false, snapshot, ({ node, keys }) =>
        pipeline(keys, false, (key) => node.run((commands) => commands.exists(key))),
      ),
    );
  }

  /**
   * If all of a node's entries expire at the same time, sends one MSET or MSETEX to that node. Otherwise,
   * sends one SET per entry. If two entries have the same key, the later entry wins.
   */
  setMany<Item>(items: readonly Item[], toEntry: (item: Item) => WriteEntry): Promise<MultiResult<boolean>> {
    return this.#convert(items, toEntry, (entries, snapshot) => {
      const keys = entries.map(({ key }) => key);
      return this.#scatterWrites(keys, snapshot, (request) => setEntries(request, entries));
    });
  }

  /** Sends one UNLINK per key. Each reply shows whether the key existed. */
  deleteMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    return this.#convert(keys, toKey, (physical, snapshot) =>
      this.#scatterWrites(physical, snapshot, ({ node, keys }) =>
        pipeline(keys, false, async (key) => (await node.run((commands) => commands.unlink([key]))) > 0),
      ),
    );
  }

  /**
   * Sends the keys chunk by chunk. Each chunk takes one request per node.
   *
   * @param missing value for a key whose node failed
   */
  async scatter<T>(
    keys: readonly string[],
    missing: T,
    snapshot: Snapshot,
    send: (request: NodeRequest) => Promise<NodeReply<T>>,
  ): Promise<MultiResult<T>> {
    const values = new Array<T>(keys.length).fill(missing);
    const errors = new Map<Node, DRedisError>();
    const sendRequest = async (request: NodeRequest) => {
      let error: DRedisError | undefined;
      try {
        const reply = await send(request);
        error = reply.error;
        request.positions.forEach((position, index) => {
          values[position] = reply.values[index] as T;
        });
      } catch (thrown) {
        error = thrown as DRedisError;
      }
      if (error !== undefined && !errors.has(request.node)) errors.set(request.node, error);
    };
    let start = 0;
    for (const chunk of keys.length > CHUNK_SIZE ? chunksOf(keys) : [keys]) {
      // The first chunk is sent immediately, so that no later call overtakes it.
      if (start > 0) await yieldToEventLoop();
      await Promise.all(this.#placement.requestsFor(chunk, start, snapshot).map(sendRequest));
      start += chunk.length;
    }
    return { values, errors: [...errors.values()] };
  }

  #scatterWrites(
    keys: readonly string[],
    snapshot: Snapshot,
    send: (request: NodeRequest) => Promise<NodeReply<boolean>>,
  ): Promise<MultiResult<boolean>> {
    for (const key of keys) this.#reads.flushBefore(key);
    return this.scatter(keys, false, snapshot, async (request) => {
      const { node, isFallback, positions } = request;
      const recorded = isFallback
        ? positions.map((position) => this.#observer.fallbackWrite(keys[position] as string, node, snapshot))
        : [];
      try {
        const reply = await send(request);
        if (reply.error !== undefined) this.#observer.writeFailed(request, reply.error);
        await Promise.all(recorded);
        return reply;
      } catch (error) {
        this.#observer.writeFailed(request, error);
        throw error;
      }
    });
  }

  async #convert<Item, Converted, T>(
    items: readonly Item[],
    convert: (item: Item) => Converted,
    send: (converted: readonly Converted[], snapshot: Snapshot) => Promise<MultiResult<T>>,
  ): Promise<MultiResult<T>> {
    const { snapshot } = this.#placement;
    if (items.length <= CHUNK_SIZE) return send(items.map(convert), snapshot);
    const release = retainAll(snapshot);
    try {
      // Copies the array, because the caller may change it in the meantime.
      return await send(await mapInChunks(items.slice(), convert), snapshot);
    } finally {
      release();
    }
  }
}

async function setEntries(
  { node, keys, positions, latestExpiry }: NodeRequest,
  entries: readonly WriteEntry[],
): Promise<NodeReply<boolean>> {
  const own = positions.map((position) => entries[position] as WriteEntry);
  const expiryOf = (entry: WriteEntry) => sooner(entry.expiresAt, latestExpiry);
  const expiresAt = expiryOf(own[0] as WriteEntry);
  if (own.length > 1 && own.every((entry) => expiryOf(entry) === expiresAt)) {
    const values = own.map(({ value }) => value);
    if (await node.run((commands) => commands.mSet(keys, values, expiresAt))) {
      return { values: keys.map(() => true) };
    }
  }
  return pipeline(keys, false, async (key, index) => {
    const entry = own[index] as WriteEntry;
    await node.run((commands) => commands.set(key, entry.value, expiryOf(entry)));
    return true;
  });
}

/** Sends one command per key without waiting for the replies in between. */
async function pipeline<T>(
  keys: readonly string[],
  missing: T,
  run: (key: string, index: number) => Promise<T>,
): Promise<NodeReply<T>> {
  const outcomes = await Promise.allSettled(keys.map(run));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  return {
    values: outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : missing)),
    error: failed?.reason,
  };
}
