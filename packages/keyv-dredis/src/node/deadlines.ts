import { performance } from 'node:perf_hooks';

interface Entry {
  readonly expiresAt: number;
  readonly holdsIdle: boolean;
  /**
   * Undefined once the promise has settled or timed out. After that, the entry may stay in the queue for a
   * while, but the entry must not keep the caller's data alive.
   */
  reject: ((error: unknown) => void) | undefined;
  next: Entry | undefined;
}

export interface DeadlineOptions {
  /** Time limit of each promise, in milliseconds. */
  readonly timeoutMs: number;
  /** Creates the error for a promise that timed out. */
  readonly timeoutError: () => Error;
  /** Returns the time of a monotonic clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/**
 * Applies the same time limit to many promises with one timer. The promises expire in the order in which they
 * were added, so a queue is enough: the timer waits for the first entry of the queue. (node-redis' own
 * `timeout` creates an `AbortSignal.timeout` per command, and covers only commands that are not yet written
 * to the socket.)
 */
export class Deadlines {
  readonly #options: DeadlineOptions;
  readonly #now: () => number;
  /** The queue is a linked list, because an array would keep entries alive after they have left the queue. */
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
   * Calls `resolve` or `reject` once: with the promise's outcome, or with a timeout error.
   *
   * @param holdsIdle whether {@link Deadlines.idle} waits for this promise
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

  /** Resolves once no promise with `holdsIdle` is pending, and every {@link Deadlines.retain} is released. */
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
    // The entry may be in the old generation of the garbage collector. Without this line, the entry would
    // then keep the next entries alive during minor collections.
    first.next = undefined;
    if (this.#first === undefined) this.#last = undefined;
  }

  #arm(delayMs: number): void {
    // A timer may already be running, because a caller may add a promise while it handles a timeout.
    clearTimeout(this.#timer);
    // Waits one millisecond longer, because a timer may fire a fraction of a millisecond early. If the event
    // loop was blocked, the sockets may hold replies that arrived in time. So setImmediate lets the event
    // loop read the sockets first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), delayMs + 1);
    // The timer need not keep the process alive: while a reply is pending, its open socket does.
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
