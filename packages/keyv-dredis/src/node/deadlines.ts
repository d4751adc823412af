import { performance } from 'node:perf_hooks';

interface Entry {
  readonly expiresAt: number;
  readonly holdsIdle: boolean;
  /**
   * Undefined once the promise has settled or timed out. The entry may stay in the queue for a while, and
   * must not keep the caller's data alive.
   */
  reject: ((error: unknown) => void) | undefined;
  next: Entry | undefined;
}

export interface DeadlineOptions {
  /** Time limit of each promise, in milliseconds. */
  readonly timeoutMs: number;
  /** Makes the error of a promise that timed out. */
  readonly timeoutError: () => Error;
  /** Milliseconds of a monotonic clock. @default performance.now */
  readonly now?: () => number;
}

/**
 * Gives many promises the same time limit with one timer. All have the same limit, so they expire in the
 * order in which they were added: a queue suffices, and the timer waits for its head. (node-redis' own
 * `timeout` takes an `AbortSignal.timeout` per command, and covers only commands not yet written.)
 */
export class Deadlines {
  readonly #options: DeadlineOptions;
  readonly #now: () => number;
  /** The queue as a linked list: an array would keep entries alive after they have left it. */
  #first: Entry | undefined;
  #last: Entry | undefined;
  #pendingCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Calls `resolve` or `reject` once: with the outcome of the promise, or with the timeout.
   *
   * @param holdsIdle whether {@link Deadlines.idle} waits for it
   */
  watch<T>(
    promise: Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    holdsIdle = true,
  ): void {
    const entry: Entry = {
      expiresAt: this.#now() + this.#options.timeoutMs,
      holdsIdle,
      reject,
      next: undefined,
    };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    if (holdsIdle) this.#pendingCount += 1;
    if (this.#timer === undefined) this.#arm(this.#options.timeoutMs);
    promise.then(
      (value) => {
        if (this.#settle(entry)) resolve(value);
      },
      (error) => {
        if (this.#settle(entry)) reject(error);
      },
    );
  }

  /** Resolves once no promise that holds it is pending, and every {@link Deadlines.retain} is released. */
  idle(): Promise<void> {
    if (this.#pendingCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Delays {@link Deadlines.idle}. @returns a release function; call it once */
  retain(): () => void {
    this.#pendingCount += 1;
    return () => this.#ended();
  }

  /** @returns whether the promise settled in time */
  #settle(entry: Entry): boolean {
    if (entry.reject === undefined) return false;
    this.#finish(entry);
    this.#dropDone();
    return true;
  }

  #finish(entry: Entry): void {
    entry.reject = undefined;
    if (entry.holdsIdle) this.#ended();
  }

  #ended(): void {
    this.#pendingCount -= 1;
    if (this.#pendingCount > 0) return;
    for (const resolve of this.#whenIdle) resolve();
    this.#whenIdle = [];
  }

  /** Removes settled entries from the front of the queue. */
  #dropDone(): void {
    while (this.#first !== undefined && this.#first.reject === undefined) this.#drop(this.#first);
  }

  #drop(first: Entry): void {
    this.#first = first.next;
    // An entry in old space would keep the entries after it alive during a minor collection.
    first.next = undefined;
    if (this.#first === undefined) this.#last = undefined;
  }

  #arm(delayMs: number): void {
    // A caller may add a promise while it handles a timeout.
    clearTimeout(this.#timer);
    // One millisecond more, because a timer may fire a fraction early. setImmediate, because after the event
    // loop was blocked the sockets may hold replies that arrived in time.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), delayMs + 1);
    // A pending reply has an open socket, which keeps the process alive.
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (let entry = this.#first; entry !== undefined; entry = this.#first) {
      const { reject } = entry;
      if (reject !== undefined && entry.expiresAt > now) {
        this.#arm(entry.expiresAt - now);
        break;
      }
      this.#drop(entry);
      if (reject === undefined) continue;
      this.#finish(entry);
      reject(this.#options.timeoutError());
    }
  }
}
