import { type Timers, timers } from '../timers.js';

/** The wait after an objection doubles each time. In milliseconds. */
const WAIT_MS = { min: 2_000, max: 60_000 };

interface Wait {
  readonly until: number;
  readonly lengthMs: number;
}

/**
 * How long this process does not declare nodes to be leaving, because others have objected: they can use the node, so it
 * is the link of this process that does not work. It should not cost them the node again and again.
 */
export class Patience {
  readonly #waits = new Map<string, Wait>();
  readonly #clock: Pick<Timers, 'now'>;

  constructor(clock: Pick<Timers, 'now'> = timers) {
    this.#clock = clock;
  }

  /** Names of the nodes for which this process waits. */
  get names(): readonly string[] {
    return [...this.#waits.keys()].filter((name) => this.has(name));
  }

  /** Milliseconds until the next wait is over; undefined if there is none. */
  get leftMs(): number | undefined {
    const now = this.#clock.now();
    const left = Array.from(this.#waits.values(), ({ until }) => until - now).filter((ms) => ms > 0);
    return left.length === 0 ? undefined : Math.min(...left);
  }

  has(name: string): boolean {
    return (this.#waits.get(name)?.until ?? Number.NEGATIVE_INFINITY) > this.#clock.now();
  }

  /** Others have objected to what this process has declared about a node. */
  objected(name: string): void {
    const before = this.#waits.get(name);
    const now = this.#clock.now();
    // After a quiet time, the patience begins again.
    const isNew = before === undefined || now > before.until + 2 * before.lengthMs;
    const lengthMs = isNew ? WAIT_MS.min : Math.min(WAIT_MS.max, 2 * before.lengthMs);
    this.#waits.set(name, { until: now + lengthMs, lengthMs });
  }
}
