import { timers } from '../timers.js';

/** Lets many callers wait for the next event. */
export class Signal {
  #waiting: (() => void)[] = [];

  /** Wakes all callers. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves at the next event, but after `maxMs` milliseconds at the latest. */
  async next(maxMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      // Does not keep the process alive. Calls that wait have timers of their own.
      const timer = timers.setTimeout(resolve, maxMs).unref();
      this.#waiting.push(() => {
        timers.clearTimeout(timer);
        resolve();
      });
    });
  }
}
