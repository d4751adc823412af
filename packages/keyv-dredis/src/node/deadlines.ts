import { type Timers, timers } from '../timers.js';

/** Gets the outcome of a promise. An object, because closures for each promise would cost more. */
export interface Watcher<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /**
   * Called once if the promise rejects in time. If it returns a promise, that promise replaces the first one,
   * within the same time limit.
   */
  retry?(error: unknown): Promise<T> | undefined;
}

interface Entry {
  readonly expiresAt: number;
  readonly holdsIdle: boolean;
  /**
   * Undefined once the promise has settled or timed out. After that, the entry may stay in the queue for a
   * while, but the entry must not keep the caller's data alive.
   */
  watcher: Watcher<unknown> | undefined;
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
   * Calls `watcher.resolve` or `watcher.reject` once: with the promise's outcome, or with a timeout error.
   *
   * @param holdsIdle whether {@link Deadlines.idle} waits for this promise
   * @returns when the time limit ends, on the clock of {@link Timers.now}
   */
  watch<T>(promise: Promise<T>, watcher: Watcher<T>, holdsIdle = true): number {
    const entry: Entry = {
      expiresAt: this.#timers.now() + this.#options.timeoutMs,
      holdsIdle,
      watcher,
      next: undefined,
    };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    if (holdsIdle) this.#pendingCount += 1;
    if (this.#timer === undefined) this.#arm(this.#options.timeoutMs);
    promise.then(
      (value) => this.#resolved(entry, value),
      (error) => this.#rejected(entry, error),
    );
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

  #resolved(entry: Entry, value: unknown): void {
    this.#settled(entry)?.resolve(value);
  }

  #rejected(entry: Entry, error: unknown): void {
    const again = entry.watcher?.retry?.(error);
    if (again === undefined) this.#settled(entry)?.reject(error);
    else {
      again.then(
        (value) => this.#resolved(entry, value),
        (reason) => this.#settled(entry)?.reject(reason),
      );
    }
  }

  /** @returns undefined if the promise did not settle in time */
  #settled(entry: Entry): Watcher<unknown> | undefined {
    const { watcher } = entry;
    if (watcher === undefined) return undefined;
    this.#finish(entry);
    this.#dropDone();
    return watcher;
  }

  #finish(entry: Entry): void {
    entry.watcher = undefined;
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
    while (this.#first !== undefined && this.#first.watcher === undefined) this.#drop(this.#first);
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
      const { watcher } = entry;
      if (watcher !== undefined && entry.expiresAt > now) {
        this.#arm(entry.expiresAt - now);
        break;
      }
      this.#drop(entry);
      if (watcher === undefined) continue;
      this.#finish(entry);
      watcher.reject(this.#options.timeoutError());
    }
  }
}
