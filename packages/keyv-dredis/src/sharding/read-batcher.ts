/** @param place where the key stands in its batch */
type Resolve<Value> = (value: Value, place: number) => void;
type Reject = (error: unknown, place: number) => void;

/** Who waits for a value: callbacks, as there is one for each key, and promises are dear. */
interface Waiter<Value> {
  readonly resolve: Resolve<Value>;
  readonly reject: Reject;
  /** Who asked for the same key before. */
  readonly next: Waiter<Value> | undefined;
}

/** Bounds of one batch. */
export interface BatchLimits {
  /** Keys in a batch, 1 or more; 1 sends every key by itself. */
  readonly keyCount: number;
  /** Length of all keys in a batch, in UTF-16 code units (for ASCII: bytes). */
  readonly keyLength: number;
}

/** What came of a call for many keys. */
export interface BatchedValues<Value> {
  /** In the order of the keys; undefined where there is none, or it could not be had. */
  readonly values: (Value | undefined)[];
  /** What was in the way, each error once. */
  readonly errors: ReadonlySet<unknown>;
}

/** Keys that are asked for together, and who waits for them. */
export class Batch<Value> {
  readonly keys: string[] = [];
  readonly #waiters: Waiter<Value>[] = [];
  /** Where the keys stand that were asked for one by one, by what stands behind their prefix. */
  readonly #places = new Map<string, number>();
  #prefix: string | undefined;
  /** There are keys that the places do not tell of. */
  #hasOthers = false;
  #keyLength = 0;
  #callCount = 0;

  /** How many calls it serves. */
  get callCount(): number {
    return this.#callCount;
  }

  /** Asks for one key; one that was asked for before is not asked for again. */
  add(prefix: string, key: string, resolve: Resolve<Value>, reject: Reject): void {
    this.#callCount += 1;
    // Keys are told apart as their users hold them: a new string would have to be hashed.
    if (this.#prefix !== prefix) {
      this.#hasOthers ||= this.#places.size > 0;
      this.#places.clear();
      this.#prefix = prefix;
    }
    const place = this.#places.get(key);
    if (place === undefined) {
      this.#places.set(key, this.keys.length);
      this.#push(prefix + key, { resolve, reject, next: undefined });
    } else {
      this.#waiters[place] = { resolve, reject, next: this.#waiters[place] };
    }
  }

  /** Asks for many keys in one call, for whom there is one waiter. */
  addMany(keys: readonly string[], makeWaiter: (firstPlace: number) => Waiter<Value>): void {
    this.#callCount += 1;
    this.#hasOthers = true;
    const waiter = makeWaiter(this.keys.length);
    for (const key of keys) this.#push(key, waiter);
  }

  /** Whether a key is asked for; it may say so without need. */
  mayHave(prefix: string, key: string): boolean {
    return this.#hasOthers || this.#prefix !== prefix || this.#places.has(key);
  }

  hasReached({ keyCount, keyLength }: BatchLimits): boolean {
    return this.keys.length >= keyCount || this.#keyLength >= keyLength;
  }

  /** Answers everybody who asked for `keys[place]`. */
  resolve(place: number, value: Value): void {
    for (let waiter = this.#waiters[place]; waiter !== undefined; waiter = waiter.next) {
      waiter.resolve(value, place);
    }
  }

  reject(place: number, error: unknown): void {
    for (let waiter = this.#waiters[place]; waiter !== undefined; waiter = waiter.next) {
      waiter.reject(error, place);
    }
  }

  #push(key: string, waiter: Waiter<Value>): void {
    this.keys.push(key);
    this.#waiters.push(waiter);
    this.#keyLength += key.length;
  }
}

/** Gathers what is asked for into batches. */
export class Batcher<Value> {
  readonly #send: (batch: Batch<Value>) => void;
  readonly #limits: BatchLimits;
  #batch: Batch<Value> | undefined;

  /** @param send answers every place of the batch, and does not throw */
  constructor(limits: BatchLimits, send: (batch: Batch<Value>) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  /** @param prefix what stands before the key */
  get(prefix: string, key: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const batch = this.#open();
      batch.add(prefix, key, resolve, reject);
      if (batch.hasReached(this.#limits)) this.flush();
    });
  }

  /** @param keys one or more, each with its prefix */
  getMany(keys: readonly string[]): Promise<BatchedValues<Value>> {
    return new Promise((resolve) => {
      const batch = this.#open();
      batch.addMany(keys, (firstPlace) => collect(keys.length, firstPlace, resolve));
      if (batch.hasReached(this.#limits)) this.flush();
    });
  }

  /** Sends what has been asked for so far where a key may be among it that is about to be written. */
  flushBefore(prefix: string, key: string): void {
    if (this.#batch?.mayHave(prefix, key)) this.flush();
  }

  /** Sends what has been asked for so far. */
  readonly flush = (): void => {
    const batch = this.#batch;
    this.#batch = undefined;
    // Undefined where a limit was reached before the end of the turn.
    if (batch !== undefined) this.#send(batch);
  };

  #open(): Batch<Value> {
    if (this.#batch === undefined) {
      this.#batch = new Batch();
      afterPromiseJobs(this.#endOfJobs);
    }
    return this.#batch;
  }

  readonly #endOfJobs = (): void => {
    const batch = this.#batch;
    if (batch !== undefined && batch.callCount > 1) this.#gather(batch, MOST_TURNS);
    else this.flush();
  };

  /** Sends a batch once a turn of the event loop has added nothing to it, or so many have passed. */
  #gather(batch: Batch<Value>, turns: number): void {
    const { callCount } = batch;
    setImmediate(() => {
      // A limit was reached, and the batch has gone.
      if (batch !== this.#batch) return;
      if (batch.callCount > callCount && turns > 1) this.#gather(batch, turns - 1);
      else this.flush();
    });
  }
}

/** The waiter of a call for many keys, which stand in their batch one after the other. */
function collect<Value>(
  count: number,
  firstPlace: number,
  done: (result: BatchedValues<Value>) => void,
): Waiter<Value> {
  const values = new Array<Value | undefined>(count).fill(undefined);
  const errors = new Set<unknown>();
  let pending = count;
  const settled = () => {
    pending -= 1;
    if (pending === 0) done({ values, errors });
  };
  return {
    resolve: (value, place) => {
      values[place - firstPlace] = value;
      settled();
    },
    reject: (error) => {
      errors.add(error);
      settled();
    },
    next: undefined,
  };
}

/** How many turns of the event loop a batch may take to gather. */
const MOST_TURNS = 4;

const resolved = Promise.resolve();

/**
 * Runs a job after all promise jobs of the present callback, and before the event loop goes on.
 *
 * How reads gather: one socket read brings the replies of many callers. Each reply resolves a promise,
 * each caller goes on in a promise job and asks for its next key, perhaps a few jobs later. A job of
 * ours queued now would run among theirs, and see only the first. process.nextTick, called from within
 * a promise job, runs once the queue of promise jobs is empty: by then everybody has asked. (dataloader
 * schedules its batches the same way.)
 *
 * A lone read is sent then, and loses nothing: node-redis writes to its socket in the check phase of
 * the loop (setImmediate), which comes later still. Several wait for the check phase: until then the
 * sockets of the other nodes are read, whose callers ask for more. Over many nodes each read wakes a
 * few callers only, and there would be next to nothing to gather otherwise. As long as each turn of a
 * busy loop brings more, one more turn is worth it: fewer and larger commands, reads and writes. A loop
 * with nothing else to do turns in microseconds, and one such turn ends it.
 */
function afterPromiseJobs(job: () => void): void {
  resolved.then(() => process.nextTick(job));
}
