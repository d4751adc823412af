import type { MultiBar, SingleBar } from 'cli-progress';
import type { ChangeProgress, SourceProgress } from '../membership/change.js';
import { timers } from '../timers.js';
import { count, duration } from './numbers.js';
import type { Output } from './output.js';
import { RECORD_PAUSE_MS, STEPS } from './progress.js';

/** Width of the text after a bar. */
const TEXT_WIDTH = 50;

/**
 * Progress of a change: on a terminal, one bar for each node that keys leave; with `--json`, records of type
 * `progress`. Without a terminal and without `--json`, only one line for each phase.
 */
export class ChangeProgressView {
  readonly #output: Output;
  readonly #bars: MultiBar;
  readonly #barOf = new Map<string, SingleBar>();
  #phase: ChangeProgress['phase'] | undefined;
  /** When the present phase began. */
  #startedAt = timers.now();
  #recordedAt = 0;
  #hasMoved = false;

  constructor(output: Output) {
    this.#output = output;
    this.#bars = output.progressBars(
      '{node} {bar} {percentage} %   {moved} keys moved, {rate}/s, {left} left',
    );
  }

  /** Whether keys were moving. */
  get hasMoved(): boolean {
    return this.#hasMoved;
  }

  readonly update = (progress: ChangeProgress): void => {
    const now = timers.now();
    const isNewPhase = progress.phase !== this.#phase;
    if (isNewPhase) {
      this.#phase = progress.phase;
      this.#startedAt = now;
    }
    this.#hasMoved ||= progress.phase === 'moving';
    if (this.#output.isJson) {
      if (!isNewPhase && now - this.#recordedAt < RECORD_PAUSE_MS) return;
      this.#recordedAt = now;
      const { keysPerSecond, remainingMs } = progress;
      this.#output.record({
        type: 'progress',
        ...progress,
        keysPerSecond: Math.round(keysPerSecond),
        remainingMs: remainingMs === undefined ? null : Math.round(remainingMs),
      });
      return;
    }
    if (isNewPhase) {
      this.stop();
      this.#output.line(PHASES[progress.phase]);
    }
    if (!process.stderr.isTTY) return;
    if (progress.phase === 'moving') for (const source of progress.sources) this.#draw(source, progress, now);
  };

  #draw(source: SourceProgress, { sources }: ChangeProgress, now: number): void {
    const { node, movedCount, isDone } = source;
    const fraction = isDone ? 1 : source.fraction;
    const elapsedMs = Math.max(1, now - this.#startedAt);
    const width = Math.max(...sources.map((each) => each.node.length));
    const payload = {
      node: node.padEnd(width),
      moved: count(movedCount),
      rate: count(Math.round((movedCount * 1000) / elapsedMs)),
      left: isDone ? 'none' : fraction === 0 ? '?' : duration((elapsedMs * (1 - fraction)) / fraction),
    };
    let bar = this.#barOf.get(node);
    if (bar === undefined) {
      const barsize = Math.max(5, Math.min(40, (process.stderr.columns ?? 0) - width - TEXT_WIDTH));
      bar = this.#bars.create(STEPS, 0, payload, { barsize });
      this.#barOf.set(node, bar);
    }
    bar.update(Math.floor(fraction * STEPS), payload);
  }

  stop(): void {
    if (this.#barOf.size > 0) this.#bars.stop();
    this.#barOf.clear();
  }
}

const PHASES = {
  sweeping: 'Removing old keys from the servers that will get keys.',
  moving: 'Moving keys. Ctrl-C stops, and keyv-dredis resume goes on.',
  settled: 'All keys have moved.',
};
