import { performance } from 'node:perf_hooks';

interface Entry {
  readonly expiresAt: number;
  /**
   * Undefined once the promise has settled or is late: an entry may stand in the queue for some time
   * after that, and must not keep alive what its caller holds.
   */
  reject: ((error: unknown) => void) | undefined;
  next: Entry | undefined;
}

export interface DeadlineOptions {
  /** How long each promise may take, in milliseconds. */
  readonly timeoutMs: number;
  /** The error that a late promise's caller gets. */
  readonly timeoutError: () => Error;
  /** Milliseconds on a clock that never goes back. @default performance.now */
  readonly now?: () => number;
}

/**
 * Gives many promises the same deadline with one timer. Since each gets the same time, they expire
 * in the order in which they came: a queue is enough, and the timer only ever waits for its head.
 * (node-redis' own `timeout` takes one `AbortSignal.timeout` per command, and covers only commands
 * that have not been written yet.)
 */
export class Deadlines {
  readonly #options: DeadlineOptions;
  readonly #now: () => number;
  /** The queue, linked: what has left it is garbage at once, which an array would hold on to. */
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
   * Hands on the outcome of `promise`, or the timeout once it is late: one of the two callbacks, once.
   */
  watch<T>(promise: Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    const entry: Entry = {
      expiresAt: this.#now() + this.#options.timeoutMs,
      reject,
      next: undefined,
    };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#pendingCount += 1;
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

  /** Resolves once nothing is pending: within the deadline, but for what is held. */
  idle(): Promise<void> {
    if (this.#pendingCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** What is not to count as idle, between one promise and the next. @returns how to end it, once */
  hold(): () => void {
    this.#pendingCount += 1;
    return () => this.#ended();
  }

  /** @returns whether it was in time */
  #settle(entry: Entry): boolean {
    if (entry.reject === undefined) return false;
    this.#finish(entry);
    this.#dropDone();
    return true;
  }

  #finish(entry: Entry): void {
    entry.reject = undefined;
    this.#ended();
  }

  #ended(): void {
    this.#pendingCount -= 1;
    if (this.#pendingCount > 0) return;
    for (const resolve of this.#whenIdle) resolve();
    this.#whenIdle = [];
  }

  /** Takes what is done from the front of the queue. */
  #dropDone(): void {
    while (this.#first !== undefined && this.#first.reject === undefined) this.#drop(this.#first);
  }

  #drop(first: Entry): void {
    this.#first = first.next;
    // Where it has grown old, a collector of young garbage would take it for alive, and what follows too.
    first.next = undefined;
    if (this.#first === undefined) this.#last = undefined;
  }

  #arm(delayMs: number): void {
    // One that is told of a timeout may ask for something more at once.
    clearTimeout(this.#timer);
    // One millisecond more: a timer may fire a fraction early, and would be armed again for it. And the
    // sockets come first: after the event loop stood still, replies lie there that are not late at all.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), delayMs + 1);
    // Whoever waits for a reply has a socket open, and that keeps the process alive.
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
