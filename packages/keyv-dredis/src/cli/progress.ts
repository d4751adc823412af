import type { SingleBar } from 'cli-progress';
import { timers } from '../timers.js';
import { count } from './numbers.js';
import type { Output } from './output.js';

/** Pause between two records of progress with `--json`, in milliseconds. */
export const RECORD_PAUSE_MS = 1000;

/** Steps of the bar. */
export const STEPS = 1000;

/**
 * Progress of a long command: a bar on a terminal, or records of type `progress` with `--json`. Without a terminal
 * and without `--json`, it prints nothing.
 */
export class Progress {
  readonly #output: Output;
  readonly #bar: SingleBar;
  readonly #startedAt = timers.now();
  #recordedAt = timers.now();

  /** @param what what is counted, such as `keys read` */
  constructor(output: Output, what: string) {
    this.#output = output;
    this.#bar = output.progressBar(
      `{bar} {percentage} %   {done} ${what}, {rate} per second, {eta_formatted} left`,
    );
    if (!output.isJson) this.#bar.start(STEPS, 0, { done: 0, rate: 0 });
  }

  /**
   * @param fraction from 0 to 1
   * @param done number of keys so far
   * @param details further fields of the record
   */
  update(fraction: number, done: number, details: object = {}): void {
    const now = timers.now();
    const rate = Math.round(done / Math.max(0.001, (now - this.#startedAt) / 1000));
    if (!this.#output.isJson) {
      this.#bar.update(Math.floor(fraction * STEPS), { done: count(done), rate: count(rate) });
    } else if (now - this.#recordedAt >= RECORD_PAUSE_MS) {
      this.#recordedAt = now;
      this.#output.record({ type: 'progress', fraction, ...details, keysPerSecond: rate });
    }
  }

  stop(): void {
    this.#bar.stop();
  }
}
