/** Delays between retries: 250 ms at first, doubled each time, up to a maximum. */
export class Backoff {
  static readonly #firstMs = 250;
  readonly #maxMs: number;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param maxMs longest delay, in milliseconds */
  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  /** Schedules the next retry. @param retry its rejection is ignored */
  schedule(retry: () => Promise<void>): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(Backoff.#firstMs * 2 ** this.#count, this.#maxMs);
    this.#count += 1;
    // Half of the delay is random, so that many processes do not retry at the same moment.
    this.#timer = setTimeout(() => retry().catch(() => undefined), delayMs * (0.5 + Math.random() / 2));
    // A pending retry must not keep the process alive.
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  reset(): void {
    this.cancel();
    this.#count = 0;
  }
}
