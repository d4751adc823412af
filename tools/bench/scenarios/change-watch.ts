import { CacheAsideCallers, type Outcome } from '../../shared/cache-aside-callers.js';
import type { Load } from '../../shared/workload.js';
import type { Subject } from '../harness/contestant.js';
import type { MetricValues } from '../harness/scenario.js';
import { percentile } from '../harness/statistics.js';
import { timelineValues } from '../harness/timeline.js';

/** How long calls in flight may still take after the round ends. */
const GRACE_MS = 5_000;

/** Times from clock.ts. */
export interface ChangeTimes {
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** The end of the time after the change that is still compared. */
  readonly watchedUntil: number;
}

interface Reads {
  readonly count: number;
  /** Current values divided by reads, from 0 to 1. */
  readonly hitRate: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const READS: ReadonlySet<Outcome> = new Set(['value', 'stale', 'miss', 'failed']);

/** Records what callers see while servers are added and removed. */
export class ChangeWatch {
  readonly #callers: CacheAsideCallers;
  // Numbers instead of an object per read, so that the garbage collector does not slow down the reads.
  readonly #startTimes: number[] = [];
  readonly #durations: number[] = [];
  readonly #isHit: boolean[] = [];
  readonly #others: { readonly outcome: Outcome; readonly at: number }[] = [];

  /** All keys must hold their first values. */
  constructor(subject: Subject, load: Load) {
    this.#callers = new CacheAsideCallers(
      subject,
      load,
      load.keys.length,
      (outcome, { startedAt }, endedAt) => {
        if (outcome === 'stale' || outcome === 'failed' || outcome === 'refused') {
          this.#others.push({ outcome, at: startedAt });
        }
        if (!READS.has(outcome)) return;
        this.#startTimes.push(startedAt);
        this.#durations.push(endedAt - startedAt);
        this.#isHit.push(outcome === 'value');
      },
    );
    this.#callers.assumeFilled();
  }

  start(callerCount: number): void {
    this.#callers.start(callerCount);
  }

  /**
   * Stops the callers.
   *
   * @param watchedFrom the beginning of the time that changes are compared with
   * @throws WrongResult if a read returned a value that was never written for its key
   */
  async end(watchedFrom: number, changes: readonly ChangeTimes[]): Promise<MetricValues> {
    await this.#callers.stop(GRACE_MS);
    const before = this.#between(watchedFrom, changes[0]?.startedAt as number);
    return Object.assign(
      {
        beforePerSecond: before.perSecond,
        beforeHitRate: before.hitRate,
        beforeP50Ms: before.p50Ms,
        beforeP99Ms: before.p99Ms,
        beforeMaxMs: before.maxMs,
      },
      ...changes.map((change) => this.#valuesOf(change, before)),
    );
  }

  #valuesOf({ name, startedAt, endedAt, watchedUntil }: ChangeTimes, before: Reads): MetricValues {
    // A change of one process takes less than a second.
    const during = this.#between(startedAt, Math.max(endedAt, startedAt + 1_000));
    const seconds = new Map<number, Reads>();
    const first = -Math.min(5, Math.floor((startedAt - (this.#startTimes[0] ?? startedAt)) / 1_000));
    for (let second = first; startedAt + (second + 1) * 1_000 <= watchedUntil; second++) {
      const from = startedAt + second * 1_000;
      seconds.set(second, this.#between(from, from + 1_000));
    }
    const later = Array.from(seconds).filter(([second]) => second >= 0);
    const line = (key: string, figureOf: (reads: Reads) => number) =>
      timelineValues(`${name}.${key}`, new Map(Array.from(seconds, ([at, reads]) => [at, figureOf(reads)])));
    const count = (wanted: Outcome) =>
      this.#others.filter(({ outcome, at }) => outcome === wanted && at >= startedAt && at < watchedUntil)
        .length;
    return {
      [`${name}.lowestHitRate`]: Math.min(...later.map(([, { hitRate }]) => hitRate)) / before.hitRate,
      [`${name}.perSecond`]: during.perSecond,
      [`${name}.p50Ms`]: during.p50Ms,
      [`${name}.p99Ms`]: during.p99Ms,
      [`${name}.worstP99Ms`]: Math.max(...later.map(([, { p99Ms }]) => p99Ms)),
      [`${name}.maxMs`]: during.maxMs,
      [`${name}.seconds`]: (endedAt - startedAt) / 1_000,
      [`${name}.stale`]: count('stale'),
      [`${name}.failed`]: count('failed') + count('refused'),
      ...line('hitRate', ({ hitRate }) => hitRate),
      ...line('perSecond', ({ perSecond }) => perSecond),
      ...line('p50Ms', ({ p50Ms }) => p50Ms),
      ...line('p99Ms', ({ p99Ms }) => p99Ms),
    };
  }

  /** Reads that started between two times. */
  #between(from: number, until: number): Reads {
    const durations: number[] = [];
    let hitCount = 0;
    for (const [index, startedAt] of this.#startTimes.entries()) {
      if (startedAt < from || startedAt >= until) continue;
      durations.push(this.#durations[index] as number);
      if (this.#isHit[index]) hitCount += 1;
    }
    const sorted = Float64Array.from(durations).sort();
    const count = sorted.length;
    return {
      count,
      hitRate: hitCount / count,
      perSecond: (count / (until - from)) * 1_000,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: sorted.at(-1) ?? 0,
    };
  }
}
