import { CacheAsideCallers, type Outcome } from '../../shared/cache-aside-callers.js';
import { now } from '../../shared/clock.js';
import type { Load } from '../../shared/workload.js';
import type { Subject } from '../harness/contestant.js';
import type { MetricValues } from '../harness/scenario.js';

/** How long calls in flight may still take after the round ends. */
const GRACE_MS = 1_000;
/** If a call has been waiting longer than this, the cache has not recovered yet. */
const SLOW_CALL_MS = 1_000;
/** How often the cache is asked whether it uses all of its servers. */
const POLL_MS = 10;

/** Times from clock.ts. A time is 0 if the event has not happened yet. */
export interface OutageTimes {
  /** When the kill or the freeze was ordered. */
  readonly orderedAt: number;
  /** When the process had exited, or was frozen. */
  readonly lostAt: number;
  /** When the restart or the thaw was ordered. */
  readonly returnedAt: number;
}

interface FinishedCall {
  readonly outcome: Outcome;
  /** Whether the victim owned the key before the outage. */
  readonly isVictims: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Outcomes that count as trouble for a caller. */
const TROUBLE: ReadonlySet<Outcome> = new Set(['failed', 'refused', 'miss', 'stale']);
/** Outcomes that mean that the cache did its work. */
const SERVED: ReadonlySet<Outcome> = new Set(['value', 'stored']);
/** Outcomes that mean that a server answered. */
const ANSWERED: ReadonlySet<Outcome> = new Set(['value', 'stored', 'miss']);

/** Records what callers see while a server is lost and returns. */
export class FailureWatch {
  readonly #callers: CacheAsideCallers;
  readonly #subject: Subject;
  readonly #victim: string;
  readonly #finished: FinishedCall[] = [];
  /** Per key: whether the victim owned it before the outage. */
  readonly #isVictims: boolean[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Since when the cache has used all of its servers. */
  #wholeSince: number | undefined;
  #lastTroubleAt = 0;

  /** @param victim `host:port` of the server that will be lost */
  constructor(subject: Subject, load: Load, victim: string) {
    this.#subject = subject;
    this.#victim = victim;
    this.#callers = new CacheAsideCallers(
      subject,
      load,
      load.keys.length,
      (outcome, { index, startedAt }, endedAt) => {
        this.#finished.push({ outcome, isVictims: this.#isVictims[index] === true, startedAt, endedAt });
        if (TROUBLE.has(outcome)) this.#lastTroubleAt = endedAt;
      },
    );
  }

  async start(callerCount: number): Promise<void> {
    await this.#callers.fill();
    const { ownerOf } = this.#subject;
    for (const key of this.#callers.keys) {
      this.#isVictims.push(ownerOf === undefined || ownerOf(key) === this.#victim);
    }
    this.#timer = setInterval(() => this.#checkServers(), POLL_MS);
    this.#subject.onServerUp?.(() => this.#checkServers());
    this.#callers.start(callerCount);
  }

  /** Returns how long the server has been back without trouble or a slow call. */
  healthyMs(times: OutageTimes): number {
    const servingAt = this.#servingTime(times);
    const hasSlowCall = [...this.#callers.pending].some(({ startedAt }) => startedAt < now() - SLOW_CALL_MS);
    return servingAt === undefined || hasSlowCall ? 0 : now() - Math.max(servingAt, this.#lastTroubleAt);
  }

  /** @throws WrongResult if a read returned a value that was never written for its key */
  async end(times: OutageTimes, fastMs: number): Promise<MetricValues> {
    await this.#callers.stop(GRACE_MS);
    clearInterval(this.#timer);
    const { orderedAt, lostAt, returnedAt } = times;
    const early = this.#finished.find(({ outcome, endedAt }) => endedAt < orderedAt && TROUBLE.has(outcome));
    if (early !== undefined) throw new Error(`a call had the outcome "${early.outcome}" before the outage`);
    const calls = this.#finished.filter(({ endedAt }) => endedAt >= orderedAt);
    const count = (wanted: Outcome) => calls.filter(({ outcome }) => outcome === wanted).length;
    const untilFirst = (matches: (call: FinishedCall) => boolean) => {
      const first = calls.find((call) => call.isVictims && call.startedAt >= lostAt && matches(call));
      return first && first.endedAt - orderedAt;
    };
    const waitingMs = [...this.#callers.pending].map(({ startedAt }) => now() - startedAt);
    const longestMs = calls.reduce((most, { startedAt, endedAt }) => Math.max(most, endedAt - startedAt), 0);
    const servingAt = this.#servingTime(times);
    return withoutUndefined({
      fastMs: untilFirst(({ startedAt, endedAt }) => endedAt - startedAt < fastMs),
      servedMs: untilFirst(({ outcome }) => SERVED.has(outcome)),
      returnMs: servingAt && servingAt - returnedAt,
      failed: count('failed'),
      refused: count('refused'),
      misses: count('miss'),
      stale: count('stale'),
      unanswered: waitingMs.length,
      longestMs: Math.max(longestMs, ...waitingMs),
    });
  }

  #checkServers(): void {
    if (this.#subject.usesAllServers?.() === false) this.#wholeSince = undefined;
    else this.#wholeSince ??= now();
  }

  /**
   * Returns when the victim served its keys again: a call for one of its keys was answered after its return, and
   * the cache uses all of its servers, if it can tell.
   */
  #servingTime({ returnedAt }: OutageTimes): number | undefined {
    const answered = this.#finished.find(
      ({ isVictims, outcome, startedAt }) => isVictims && startedAt >= returnedAt && ANSWERED.has(outcome),
    );
    if (answered === undefined || this.#wholeSince === undefined) return undefined;
    return Math.max(answered.endedAt, this.#wholeSince);
  }
}

function withoutUndefined(values: Readonly<Record<string, number | undefined>>): MetricValues {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as MetricValues;
}
