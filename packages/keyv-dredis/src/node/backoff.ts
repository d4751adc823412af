/** Delays between retries: 250 ms at first, doubled each time, 30 s at most. */
export class Backoff {
  static readonly #firstMs = 250;
  static readonly #lastMs = 30_000;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Schedules the next retry. @param retry its rejection is ignored */
  schedule(retry: () => Promise<void>): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(Backoff.#firstMs * 2 ** this.#count, Backoff.#lastMs);
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
