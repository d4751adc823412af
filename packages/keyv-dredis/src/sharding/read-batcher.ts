import { timers } from '../timers.js';

/** @param index index of the key in its batch */
type Resolve<Value> = (value: Value, index: number) => void;
type Reject = (error: unknown, index: number) => void;

/** A caller that is waiting for a value. It uses callbacks, because a promise per key would cost too much. */
interface Waiter<Value> {
  readonly resolve: Resolve<Value>;
  readonly reject: Reject;
  /** An earlier caller that is waiting for the same key. */
  readonly next: Waiter<Value> | undefined;
}

/** Limits of a batch. A batch is sent as soon as it reaches one of the limits. */
export interface BatchLimits {
  /** Number of keys, 1 or more. With 1, every key is sent on its own. */
  readonly maxKeys: number;
  /** Length of all keys together, in UTF-16 code units (bytes for ASCII). */
  readonly maxLength: number;
}

/** Values of a multi-key call. */
export interface BatchedValues<Value> {
  /** In the order of the keys; undefined if a value is missing or could not be read. */
  readonly values: (Value | undefined)[];
  readonly errors: ReadonlySet<unknown>;
}

/** Maximum number of event loop turns in which a batch collects keys. */
const MAX_TURNS = 4;

/** Keys that are read with one command per node, and the callers that are waiting for their values. */
export class Batch<Value> {
  readonly keys: string[] = [];
  readonly #waiters: Waiter<Value>[] = [];
  /** Index of each key that was added on its own. */
  readonly #indexes = new Map<string, number>();
  /** Whether some keys were added by multi-key calls. These keys are not in the index. */
  #hasUnindexed = false;
  #length = 0;
  #callCount = 0;

  /** Number of calls in the batch. */
  get callCount(): number {
    return this.#callCount;
  }

  /** Adds a key. If several callers add the same key, it is read once. */
  add(key: string, resolve: Resolve<Value>, reject: Reject): void {
    this.#callCount += 1;
    const index = this.#indexes.get(key);
    if (index === undefined) {
      this.#indexes.set(key, this.keys.length);
      this.#push(key, { resolve, reject, next: undefined });
    } else {
      this.#waiters[index] = { resolve, reject, next: this.#waiters[index] };
    }
  }

  /** Adds the keys of a multi-key call, which share one waiter. */
  addMany(keys: readonly string[], makeWaiter: (firstIndex: number) => Waiter<Value>): void {
    this.#callCount += 1;
    this.#hasUnindexed = true;
    const waiter = makeWaiter(this.keys.length);
    for (const key of keys) this.#push(key, waiter);
  }

  /** Whether the batch may contain a key. It may return true for a key that it does not contain. */
  mayContain(key: string): boolean {
    return this.#hasUnindexed || this.#indexes.has(key);
  }

  hasReached({ maxKeys, maxLength }: BatchLimits): boolean {
    return this.keys.length >= maxKeys || this.#length >= maxLength;
  }

  /** Resolves every call that is waiting for `keys[index]`. */
  resolve(index: number, value: Value): void {
    for (let waiter = this.#waiters[index]; waiter !== undefined; waiter = waiter.next) {
      waiter.resolve(value, index);
    }
  }

  /** Rejects every call that is waiting for `keys[index]`. */
  reject(index: number, error: unknown): void {
    for (let waiter = this.#waiters[index]; waiter !== undefined; waiter = waiter.next) {
      waiter.reject(error, index);
    }
  }

  #push(key: string, waiter: Waiter<Value>): void {
    this.keys.push(key);
    this.#waiters.push(waiter);
    this.#length += key.length;
  }
}

/** Collects reads from the same turn of the event loop into batches. */
export class ReadBatcher<Value> {
  readonly #send: (batch: Batch<Value>) => void;
  readonly #limits: BatchLimits;
  #batch: Batch<Value> | undefined;

  /** @param send resolves or rejects every key in the batch, and never throws */
  constructor(limits: BatchLimits, send: (batch: Batch<Value>) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  get(key: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const batch = this.#openBatch();
      batch.add(key, resolve, reject);
      if (batch.hasReached(this.#limits)) this.flush();
    });
  }

  /** @param keys one or more */
  getMany(keys: readonly string[]): Promise<BatchedValues<Value>> {
    return new Promise((resolve) => {
      const batch = this.#openBatch();
      batch.addMany(keys, (firstIndex) => collector(keys.length, firstIndex, resolve));
      if (batch.hasReached(this.#limits)) this.flush();
    });
  }

  /**
   * Called before a key is written. If the open batch may contain the key, sends the batch, so that the read
   * goes first.
   */
  flushBefore(key: string): void {
    if (this.#batch?.mayContain(key)) this.flush();
  }

  /** Sends the open batch. */
  readonly flush = (): void => {
    const batch = this.#batch;
    this.#batch = undefined;
    // A batch that reached a limit has already been sent.
    if (batch !== undefined) this.#send(batch);
  };

  #openBatch(): Batch<Value> {
    if (this.#batch === undefined) {
      this.#batch = new Batch();
      afterPromiseJobs(this.#endOfJobs);
    }
    return this.#batch;
  }

  readonly #endOfJobs = (): void => {
    const batch = this.#batch;
    if (batch !== undefined && batch.callCount > 1) this.#collectMore(batch, MAX_TURNS);
    else this.flush();
  };

  /** Sends the batch once a turn of the event loop adds nothing to it, or after the given number of turns. */
  #collectMore(batch: Batch<Value>, turns: number): void {
    const { callCount } = batch;
    timers.setImmediate(() => {
      // The batch reached a limit and has already been sent.
      if (batch !== this.#batch) return;
      if (batch.callCount > callCount && turns > 1) this.#collectMore(batch, turns - 1);
      else this.flush();
    });
  }
}

/** Makes the waiter for a multi-key call. The call's keys are next to each other in the batch. */
function collector<Value>(
  count: number,
  firstIndex: number,
  done: (result: BatchedValues<Value>) => void,
): Waiter<Value> {
  const values = new Array<Value | undefined>(count).fill(undefined);
  const errors = new Set<unknown>();
  let pendingCount = count;
  const settled = () => {
    pendingCount -= 1;
    if (pendingCount === 0) done({ values, errors });
  };
  return {
    resolve: (value, index) => {
      values[index - firstIndex] = value;
      settled();
    },
    reject: (error) => {
      errors.add(error);
      settled();
    },
    next: undefined,
  };
}

const resolved = Promise.resolve();

/**
 * Runs a job after all pending promise jobs, but before the event loop continues.
 *
 * One socket read brings replies for many callers. Each reply resolves a promise, so its caller continues in
 * a promise job. In that job, the caller asks for its next key. If the batcher also used a promise job, the
 * batcher's job would run between the callers' jobs, and find only the first key. So the batcher's promise
 * job calls `process.nextTick`, whose callback runs once the queue of promise jobs is empty. By then, every
 * caller has asked for its next key. (graphql/dataloader schedules its batches in the same way.)
 *
 * A batch with a single read is sent at that point. This does not delay the read, because node-redis writes
 * to its socket later anyway, in the check phase of the event loop (setImmediate).
 *
 * A batch with several reads waits for the check phase. Before that phase, the loop reads the sockets of the
 * other nodes, so callers that wait for these nodes can ask for more keys. If there are many nodes,
 * each socket read wakes only a few callers, so batches would stay small without this wait. If a turn of the
 * loop adds keys, the batch waits for one more turn. This makes the commands fewer and larger. The first turn
 * that adds nothing ends the wait. In an idle process, a turn takes only microseconds.
 */
function afterPromiseJobs(job: () => void): void {
  resolved.then(() => timers.nextTick(job));
}
