import { timers } from '../timers.js';
import type { MoveProgress } from './mover.js';
import type { ChangeProgress, SourceProgress } from './plan.js';

/** Minimum time of a move before its end is estimated, in milliseconds. */
const MIN_ESTIMATE_MS = 500;

/** Adds up the progress of all sources of a change. */
export class ProgressReport {
  readonly #onProgress: (progress: ChangeProgress) => void;
  readonly #sources = new Map<string, SourceProgress>();
  /** Keys that were moved from a node by earlier attempts. Each attempt starts counting again. */
  readonly #earlier = new Map<string, number>();
  #startedAt = timers.now();
  #epoch = 0;

  constructor(onProgress: (progress: ChangeProgress) => void) {
    this.#onProgress = onProgress;
  }

  /** Keys that this change has moved. */
  get movedCount(): number {
    return Array.from(this.#sources.values()).reduce((sum, source) => sum + source.movedCount, 0);
  }

  sweeping(epoch: number): void {
    this.#epoch = epoch;
    this.#report('sweeping');
  }

  /** @param sources names of the nodes that lose keys */
  moving(epoch: number, sources: readonly string[]): void {
    this.#epoch = epoch;
    this.#startedAt = timers.now();
    this.#sources.clear();
    this.#earlier.clear();
    for (const node of sources) {
      this.#sources.set(node, { node, fraction: 0, movedCount: 0, seenCount: 0, isDone: false });
    }
    this.#report('moving');
  }

  /** The move from a node starts, or starts again. */
  started(node: string): void {
    this.#earlier.set(node, this.#sources.get(node)?.movedCount ?? 0);
  }

  moved({ node, fraction, seenCount, movedCount }: MoveProgress, isDone: boolean): void {
    const total = movedCount + (this.#earlier.get(node) ?? 0);
    this.#sources.set(node, { node, fraction, seenCount, movedCount: total, isDone });
    this.#report('moving');
  }

  settled(epoch: number): void {
    this.#epoch = epoch;
    this.#report('settled');
  }

  #report(phase: ChangeProgress['phase']): void {
    const sources = [...this.#sources.values()];
    const { movedCount } = this;
    const elapsedMs = timers.now() - this.#startedAt;
    const fraction = sources.reduce((sum, source) => sum + source.fraction, 0) / sources.length;
    const isKnown = phase === 'moving' && elapsedMs >= MIN_ESTIMATE_MS && fraction > 0;
    this.#onProgress({
      phase,
      epoch: this.#epoch,
      sources,
      movedCount,
      keysPerSecond: elapsedMs > 0 ? (movedCount * 1000) / elapsedMs : 0,
      remainingMs: isKnown ? (elapsedMs * (1 - fraction)) / fraction : undefined,
    });
  }
}
