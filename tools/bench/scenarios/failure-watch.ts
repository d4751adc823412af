import { CacheAsideCallers, type Outcome } from '../../shared/cache-aside-callers.js';
import { now } from '../../shared/clock.js';
import type { Workload } from '../../shared/workload.js';
import type { Subject } from '../harness/contestant.js';
import type { MetricValues } from '../harness/scenario.js';

/** How long calls in flight may still take after the round ends. */
const GRACE_MS = 1_000;
/** If a call has been waiting longer than this, the cache has not recovered yet. */
const SLOW_CALL_MS = 1_000;

/** Times from clock.ts. A time is 0 if the event has not happened yet. */
export interface FailureTimes {
  /** When the kill signal was sent. */
  readonly killedAt: number;
  /** When the process exited. */
  readonly exitedAt: number;
  /** When the process was started again. */
  readonly restartedAt: number;
}

interface FinishedCall {
  readonly outcome: Outcome;
  /** Whether the victim owned the key before the kill. */
  readonly isVictims: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Outcomes that count as trouble for a caller. */
const TROUBLE: ReadonlySet<Outcome> = new Set(['failed', 'refused', 'miss']);

/** Records what callers see while a server is killed and restarted. */
export class FailureWatch {
  readonly #callers: CacheAsideCallers;
  readonly #subject: Subject;
  readonly #victim: string;
  readonly #finished: FinishedCall[] = [];
  /** Per key: whether the victim owned it before the kill. */
  readonly #isVictims: boolean[] = [];
  #readmittedAt: number | undefined;
  #lastTroubleAt = 0;

  /** @param victim `host:port` of the server that will be killed */
  constructor(subject: Subject, workload: Workload, keyCount: number, victim: string) {
    this.#subject = subject;
    this.#victim = victim;
    this.#callers = new CacheAsideCallers(
      subject,
      workload,
      keyCount,
      (outcome, { index, startedAt }, endedAt) => {
        this.#finished.push({ outcome, isVictims: this.#isVictims[index] === true, startedAt, endedAt });
        if (TROUBLE.has(outcome)) this.#lastTroubleAt = endedAt;
      },
    );
  }

  async start(callerCount: number): Promise<void> {
    await this.#callers.fill();
    const { ownerOf, onReadmission } = this.#subject;
    for (const key of this.#callers.keys) {
      this.#isVictims.push(ownerOf === undefined || ownerOf(key) === this.#victim);
    }
    onReadmission?.((location) => {
      if (location === this.#victim) this.#readmittedAt = now();
    });
    this.#callers.start(callerCount);
  }

  /** Returns how long the server has been back without a failed call, a miss or a slow call. */
  healthyMs(times: FailureTimes): number {
    const readmittedAt = this.#readmissionTime(times);
    const hasSlowCall = [...this.#callers.pending].some(({ startedAt }) => startedAt < now() - SLOW_CALL_MS);
    return readmittedAt === undefined || hasSlowCall
      ? 0
      : now() - Math.max(readmittedAt, this.#lastTroubleAt);
  }

  /** @throws WrongResult if a read returned a value that was never written for its key */
  async end(times: FailureTimes, fastMs: number): Promise<MetricValues> {
    await this.#callers.stop(GRACE_MS);
    const { killedAt, exitedAt, restartedAt } = times;
    const early = this.#finished.find(({ outcome, endedAt }) => endedAt < killedAt && TROUBLE.has(outcome));
    if (early !== undefined) throw new Error(`a call had the outcome "${early.outcome}" before the kill`);
    const calls = this.#finished.filter(({ endedAt }) => endedAt >= killedAt);
    const count = (wanted: Outcome) => calls.filter(({ outcome }) => outcome === wanted).length;
    const firstEnd = (matches: (call: FinishedCall) => boolean) =>
      calls.find((call) => call.isVictims && call.startedAt >= exitedAt && matches(call))?.endedAt;
    const sinceKill = (time: number | undefined) => time && time - killedAt;
    const waitingMs = [...this.#callers.pending].map(({ startedAt }) => now() - startedAt);
    const longestMs = calls.reduce((most, { startedAt, endedAt }) => Math.max(most, endedAt - startedAt), 0);
    const readmittedAt = this.#readmissionTime(times);
    return withoutUndefined({
      fastMs: sinceKill(firstEnd(({ startedAt, endedAt }) => endedAt - startedAt < fastMs)),
      servedMs: sinceKill(firstEnd(({ outcome }) => outcome === 'stored')),
      readmittedMs: readmittedAt && readmittedAt - restartedAt,
      failed: count('failed'),
      refused: count('refused'),
      misses: count('miss'),
      stale: count('stale'),
      unanswered: waitingMs.length,
      longestMs: Math.max(longestMs, ...waitingMs),
    });
  }

  /**
   * If the subject has no readmission event, the first successful call for one of the server's keys counts as
   * the server's readmission.
   */
  #readmissionTime({ restartedAt }: FailureTimes): number | undefined {
    if (this.#subject.onReadmission !== undefined) {
      return this.#readmittedAt !== undefined && this.#readmittedAt >= restartedAt
        ? this.#readmittedAt
        : undefined;
    }
    return this.#finished.find(
      ({ isVictims, outcome, startedAt }) =>
        isVictims &&
        startedAt >= restartedAt &&
        (outcome === 'stored' || outcome === 'value' || outcome === 'miss'),
    )?.endedAt;
  }
}

function withoutUndefined(values: Readonly<Record<string, number | undefined>>): MetricValues {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as MetricValues;
}
