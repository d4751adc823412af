import type { DRedisError } from '../errors/errors.js';
import type { StoredValue } from '../format/values.js';
import type { Node } from '../node/node.js';
import { CHUNK_SIZE, chunksOf, mapInChunks, yieldToEventLoop } from './chunks.js';
import type { NodeRequest, Placement, WriteObserver } from './placement.js';
import type { ReadBatcher } from './read-batcher.js';
import { sooner } from './router.js';
import { retainAll, type Snapshot } from './topology.js';

/** Reply of one node: a value per key, and an error if some keys failed. */
export interface NodeReply<T> {
  readonly values: readonly T[];
  readonly error?: DRedisError | undefined;
}

/** Result of a multi-key call. */
export interface MultiResult<T> {
  /** One value per key, in the order of the call. */
  readonly values: T[];
  /** One error per node that failed, completely or in part. */
  readonly errors: readonly DRedisError[];
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
 * Multi-key calls: one request per node, all nodes in parallel, and results in the order of the keys. A node
 * that fails costs only its own keys.
 *
 * Each method takes the items of the call and a function that converts them. With more than
 * {@link CHUNK_SIZE} items it yields to the event loop between chunks; nothing is sent before all items are
 * converted, and all chunks use the snapshot that the call started with.
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

  /** One MGET per node; undefined for a missing value. Small calls share it with other reads of the turn. */
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

  /** One EXISTS per key. */
  hasMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    return this.#convert(keys, toKey, (physical, snapshot) =>
      this.scatter(physical, false, snapshot, ({ node, keys }) =>
        pipeline(keys, false, (key) => node.run((commands) => commands.exists(key))),
      ),
    );
  }

  /**
   * One MSET or MSETEX per node if all its entries expire at the same time, else one SET per entry. Of two
   * entries with the same key the later one is stored.
   */
  setMany<Item>(items: readonly Item[], toEntry: (item: Item) => WriteEntry): Promise<MultiResult<boolean>> {
    return this.#convert(items, toEntry, (entries, snapshot) => {
      const keys = entries.map(({ key }) => key);
      return this.#scatterWrites(keys, snapshot, (request) => setEntries(request, entries));
    });
  }

  /** One UNLINK per key, which tells whether the key existed. */
  deleteMany(keys: readonly string[], toKey: (key: string) => string): Promise<MultiResult<boolean>> {
    return this.#convert(keys, toKey, (physical, snapshot) =>
      this.#scatterWrites(physical, snapshot, ({ node, keys }) =>
        pipeline(keys, false, async (key) => (await node.run((commands) => commands.unlink([key]))) > 0),
      ),
    );
  }

  /**
   * Sends one request per node, and chunk by chunk.
   *
   * @param missing value of a key whose node failed
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
      // The first chunk is sent at once, so that no later call overtakes it.
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
      // A copy: the caller may change its array in the meantime.
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
  const entryAt = (index: number) => entries[positions[index] as number] as WriteEntry;
  const expiryAt = (index: number) => sooner(entryAt(index).expiresAt, latestExpiry);
  const expiresAt = expiryAt(0);
  if (keys.length > 1 && keys.every((_, index) => expiryAt(index) === expiresAt)) {
    const values = keys.map((_, index) => entryAt(index).value);
    if (await node.run((commands) => commands.mSet(keys, values, expiresAt))) {
      return { values: keys.map(() => true) };
    }
  }
  return pipeline(keys, false, async (key, index) => {
    await node.run((commands) => commands.set(key, entryAt(index).value, expiryAt(index)));
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
