import { type Timers, timers } from '../timers.js';

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
  /** @default the timers of Node.js */
  readonly timers?: Timers;
}

/** Options of {@link Deadlines.watch}. */
export interface WatchOptions<T> {
  /** Whether {@link Deadlines.idle} waits for this promise. @default true */
  readonly holdsIdle?: boolean;
  /**
   * Called once if the promise rejects in time. If it returns a promise, that promise replaces the first one,
   * within the same time limit.
   */
  readonly retry?: ((error: unknown) => Promise<T> | undefined) | undefined;
}

const DEFAULTS = {};

/**
 * Applies the same time limit to many promises with one timer. The promises expire in the order in which they
 * were added, so a queue is enough: the timer waits for the first entry of the queue. (node-redis' own
 * `timeout` creates an `AbortSignal.timeout` per command, and covers only commands that are not yet written
 * to the socket.)
 */
export class Deadlines {
  readonly #options: DeadlineOptions;
  readonly #timers: Timers;
  /** The queue is a linked list, because an array would keep entries alive after they have left the queue. */
  #first: Entry | undefined;
  #last: Entry | undefined;
  #pendingCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#timers = options.timers ?? timers;
  }

  /**
   * Calls `resolve` or `reject` once: with the promise's outcome, or with a timeout error.
   *
   * @returns when the time limit ends, on the clock of {@link Timers.now}
   */
  watch<T>(
    promise: Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    { holdsIdle = true, retry }: WatchOptions<T> = DEFAULTS,
  ): number {
    const entry: Entry = {
      expiresAt: this.#timers.now() + this.#options.timeoutMs,
      holdsIdle,
      reject,
      next: undefined,
    };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    if (holdsIdle) this.#pendingCount += 1;
    if (this.#timer === undefined) this.#arm(this.#options.timeoutMs);
    const onValue = (value: T) => {
      if (this.#settle(entry)) resolve(value);
    };
    const onError = (error: unknown) => {
      if (this.#settle(entry)) reject(error);
    };
    if (retry === undefined) promise.then(onValue, onError);
    else {
      promise.then(onValue, (error) => {
        const again = entry.reject === undefined ? undefined : retry(error);
        if (again === undefined) onError(error);
        else again.then(onValue, onError);
      });
    }
    return entry.expiresAt;
  }

  /** Resolves once no promise with `holdsIdle` is pending, and every {@link Deadlines.retain} is released. */
  idle(): Promise<void> {
    if (this.#pendingCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Delays {@link Deadlines.idle}. @returns an idempotent release function */
  retain(): () => void {
    this.#pendingCount += 1;
    let isReleased = false;
    return () => {
      if (!isReleased) this.#ended();
      isReleased = true;
    };
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
    this.#timers.clearTimeout(this.#timer);
    // Waits one millisecond longer, because a timer may fire a fraction of a millisecond early. If the event
    // loop was blocked, the sockets may hold replies that arrived in time. So setImmediate lets the event
    // loop read the sockets first.
    this.#timer = this.#timers.setTimeout(() => this.#timers.setImmediate(() => this.#expire()), delayMs + 1);
    // The timer need not keep the process alive: while a reply is pending, its open socket does.
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#timers.now();
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
