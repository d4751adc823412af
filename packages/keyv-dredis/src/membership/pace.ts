import { randomInt } from 'node:crypto';
import { type Timers, timers } from '../timers.js';

/** Pages per second at least. A page is handled at once, so a low rate has smaller pages. */
const MIN_PAGE_RATE = 10;

/** Longest delay that is made up for, in milliseconds. Longer delays lower the rate, so that no burst follows them. */
const MAX_DELAY_MS = 200;

/** Limits a number of keys per second, for several callers together. */
export class Pace {
  readonly #perSecond: number;
  readonly #signal: AbortSignal;
  readonly #timers: Timers;
  /** When the next keys are due. */
  #nextAt = Number.NEGATIVE_INFINITY;

  /** @param perSecond may be infinite @param signal ends the waits @param ownTimers default: those of Node.js */
  constructor(perSecond: number, signal: AbortSignal, ownTimers = timers) {
    this.#perSecond = perSecond;
    this.#signal = signal;
    this.#timers = ownTimers;
  }

  /** Keys per page. @param max largest page */
  pageSize(max: number): number {
    return Math.max(1, Math.min(max, Math.floor(this.#perSecond / MIN_PAGE_RATE)));
  }

  /** Waits until the next keys may be handled. */
  async next(keyCount: number): Promise<void> {
    const now = this.#timers.now();
    const isFirst = this.#nextAt === Number.NEGATIVE_INFINITY;
    const startsAt = isFirst ? now : Math.max(now - MAX_DELAY_MS, this.#nextAt);
    this.#nextAt = startsAt + (keyCount * 1000) / this.#perSecond;
    await sleep(startsAt - now, this.#signal, this.#timers);
  }
}

/** Waits, or until the signal aborts. Never rejects. @param ownTimers default: those of Node.js */
export function sleep(ms: number, signal?: AbortSignal, ownTimers = timers): Promise<void> {
  if (ms <= 0 || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      ownTimers.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = ownTimers.setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

/** Processes act at slightly different times, so that usually only one of them proposes a step. In milliseconds. */
const JITTER_MS = 50;

/** How much later than the process that has proposed a step others take over. In milliseconds, plus a random part. */
const TAKE_OVER_MS = 300;

/** Waits for a short random time. */
export function jitter(signal: AbortSignal): Promise<void> {
  return sleep(randomInt(JITTER_MS), signal);
}

/** How many milliseconds to wait until another process is taken to have died. */
export function takeOverMs(): number {
  return TAKE_OVER_MS + randomInt(TAKE_OVER_MS);
}
