import { now } from '../shared/clock.js';

const INTERVAL_MS = 5;
/** Delays up to this long do not count, because timers are accurate only to a millisecond. */
const TOLERANCE_MS = 5;

/** Measures the event loop delay in this process, so that the checker does not blame the store for it. */
export class EventLoopDelay {
  #tickedAt = now();
  #totalMs = 0;

  constructor() {
    setInterval(() => {
      this.#totalMs += this.#sinceTick();
      this.#tickedAt = now();
    }, INTERVAL_MS).unref();
  }

  /** Sum of all delays since construction. */
  totalMs(): number {
    return this.#totalMs + this.#sinceTick();
  }

  #sinceTick(): number {
    const delayMs = now() - this.#tickedAt - INTERVAL_MS;
    return delayMs > TOLERANCE_MS ? delayMs : 0;
  }
}
