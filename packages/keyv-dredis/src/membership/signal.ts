import { timers } from '../timers.js';

/** Lets many callers wait for the next event. */
export class Signal {
  #waiting = new Set<() => void>();

  /** Number of callers that wait. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Wakes all callers. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resolve of waiting) resolve();
  }

  /** Resolves at the next event, but after `maxMs` milliseconds at the latest. */
  async next(maxMs: number): Promise<void> {
    let wake: (() => void) | undefined;
    const event = new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiting.add(resolve);
    });
    // Does not keep the process alive. Calls that wait have timers of their own.
    const timer = timers.setTimeout(() => wake?.(), maxMs).unref();
    await event;
    timers.clearTimeout(timer);
    this.#waiting.delete(wake as () => void);
  }
}
