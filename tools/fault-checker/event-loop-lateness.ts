import { now } from '../shared/clock.js';

const INTERVAL_MS = 5;
/** A tick may be late that much without counting: timers have whole milliseconds. */
const TOLERANCE_MS = 5;

/** How late this process's event loop has been so far: what no deadline of the store's can be blamed for. */
export class EventLoopLateness {
  #tickedAt = now();
  #totalMs = 0;

  constructor() {
    setInterval(() => {
      this.#totalMs += this.#sinceTick();
      this.#tickedAt = now();
    }, INTERVAL_MS).unref();
  }

  totalMs(): number {
    return this.#totalMs + this.#sinceTick();
  }

  #sinceTick(): number {
    const lateMs = now() - this.#tickedAt - INTERVAL_MS;
    return lateMs > TOLERANCE_MS ? lateMs : 0;
  }
}
