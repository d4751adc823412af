/** When to try again: after 250 ms at first, twice as long each time, 30 s at most. */
export class Backoff {
  static readonly #firstMs = 250;
  static readonly #lastMs = 30_000;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param retry may reject: nobody waits for it */
  schedule(retry: () => Promise<void>): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(Backoff.#firstMs * 2 ** this.#count, Backoff.#lastMs);
    this.#count += 1;
    // Half of it at random, so that many processes do not knock at one server in step.
    this.#timer = setTimeout(() => retry().catch(() => undefined), delayMs * (0.5 + Math.random() / 2));
    // Waiting to try again is no reason for a process to live on.
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
