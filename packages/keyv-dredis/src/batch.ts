type Resolve<Value> = (value: Value) => void;
type Reject = (error: unknown) => void;

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

/** Keys that are asked for together, each once, and who waits for them. */
export class Batch<Value> {
  /** What stands before every key. */
  readonly prefix: string;
  readonly keys: string[] = [];
  /** Where each key stands; made with the second key, for most batches of a quiet process have one. */
  #places: Map<string, number> | undefined;
  readonly #waiters: Waiter<Value>[] = [];
  #keyLength = 0;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** @returns whether the batch has reached a limit */
  add(key: string, limits: BatchLimits, resolve: Resolve<Value>, reject: Reject): boolean {
    const place = this.#placeOf(key);
    if (place !== undefined) {
      this.#waiters[place] = { resolve, reject, next: this.#waiters[place] };
      return false;
    }
    this.#places?.set(key, this.keys.length);
    this.#waiters.push({ resolve, reject, next: undefined });
    this.keys.push(key);
    this.#keyLength += key.length;
    return this.keys.length >= limits.keyCount || this.#keyLength >= limits.keyLength;
  }

  #placeOf(key: string): number | undefined {
    const first = this.keys[0];
    if (first === undefined) return undefined;
    if (key === first) return 0;
    this.#places ??= new Map([[first, 0]]);
    return this.#places.get(key);
  }

  /** Answers everybody who asked for `keys[place]`. */
  resolve(place: number, value: Value): void {
    for (let waiter = this.#waiters[place]; waiter !== undefined; waiter = waiter.next) waiter.resolve(value);
  }

  reject(place: number, error: unknown): void {
    for (let waiter = this.#waiters[place]; waiter !== undefined; waiter = waiter.next) waiter.reject(error);
  }
}

/** Gathers what is asked for key by key into batches. */
export class Batcher<Value> {
  readonly #send: (batch: Batch<Value>) => void;
  readonly #limits: BatchLimits;
  #batch: Batch<Value> | undefined;

  /** @param send answers every place of the batch, and does not throw */
  constructor(limits: BatchLimits, send: (batch: Batch<Value>) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  /**
   * @param prefix what stands before the key: one for all keys of a batch, so that keys are told apart
   * as their users hold them, and no new string has to be hashed
   */
  get(prefix: string, key: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#batch !== undefined && this.#batch.prefix !== prefix) this.flush();
      if (this.#batch === undefined) {
        this.#batch = new Batch(prefix);
        afterPromiseJobs(this.#endOfJobs);
      }
      if (this.#batch.add(key, this.#limits, resolve, reject)) this.flush();
    });
  }

  /** Sends what has been asked for so far. */
  readonly flush = (): void => {
    const batch = this.#batch;
    this.#batch = undefined;
    // Undefined where a limit was reached before the end of the turn.
    if (batch !== undefined) this.#send(batch);
  };

  readonly #endOfJobs = (): void => {
    const batch = this.#batch;
    if (batch !== undefined && batch.keys.length > 1) this.#gather(batch, MOST_TURNS);
    else this.flush();
  };

  /** Sends a batch once a turn of the event loop has added nothing to it, or so many have passed. */
  #gather(batch: Batch<Value>, turns: number): void {
    const { length } = batch.keys;
    setImmediate(() => {
      // A limit was reached, and the batch has gone.
      if (batch !== this.#batch) return;
      if (batch.keys.length > length && turns > 1) this.#gather(batch, turns - 1);
      else this.flush();
    });
  }
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
