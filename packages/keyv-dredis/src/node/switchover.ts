import { timers } from '../timers.js';
import { retryDelayMs } from './backoff.js';

/** If the server has been the primary for this long, the next connection is replaced immediately. */
const CALM_MS = 10_000;

/**
 * Replaces a node's connection if the server replies that it is not the primary. After a planned failover, the
 * address leads to another server, but the old server keeps its connections open. The first replacement is
 * immediate. If the server is still not the primary, the next ones follow with growing delays.
 */
export class Switchover {
  readonly #maxDelayMs: number;
  readonly #replaceConnection: () => void;
  #count = 0;
  #replacedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param maxDelayMs longest delay between two replacements, in milliseconds */
  constructor(maxDelayMs: number, replaceConnection: () => void) {
    this.#maxDelayMs = maxDelayMs;
    this.#replaceConnection = replaceConnection;
  }

  /** Records a reply from a server that is not the primary. */
  notPrimary(): void {
    if (this.#timer !== undefined) return;
    const elapsedMs = timers.now() - this.#replacedAt;
    if (elapsedMs > CALM_MS) this.#count = 0;
    const delayMs = this.#count === 0 ? 0 : retryDelayMs(this.#count - 1, this.#maxDelayMs) - elapsedMs;
    this.#count += 1;
    this.#timer = timers.setTimeout(() => this.#replace(), Math.max(0, delayMs));
    this.#timer.unref();
  }

  stop(): void {
    timers.clearTimeout(this.#timer);
  }

  #replace(): void {
    this.#timer = undefined;
    this.#replacedAt = timers.now();
    this.#replaceConnection();
  }
}
