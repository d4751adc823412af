import { CacheUsers, type Outcome } from '../harness/cache-users.js';
import { now } from '../harness/clock.js';
import type { Subject } from '../harness/contestant.js';
import type { Numbers } from '../harness/scenario.js';
import type { Workload } from '../harness/workload.js';

/** What is under way may still take so long at the end. */
const GRACE_MS = 1_000;
/** A call that has waited for so long is in trouble. */
const LONG_MS = 1_000;

/** On the clock that all processes share; 0 for what has not happened. */
export interface Times {
  readonly killedAt: number;
  /** The process has ended. */
  readonly goneAt: number;
  /** The process was started again. */
  readonly restartedAt: number;
}

interface Answered {
  readonly outcome: Outcome;
  /** Its key was the victim's before the kill. */
  readonly owned: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
}

const TROUBLE: ReadonlySet<Outcome> = new Set(['failed', 'refused', 'miss']);

/** Watches what callers meet with while a server is killed and comes back. */
export class FailureWatch {
  readonly #users: CacheUsers;
  readonly #subject: Subject;
  readonly #victim: string;
  readonly #answered: Answered[] = [];
  readonly #owned: boolean[] = [];
  #returnedAt: number | undefined;
  #troubleAt = 0;

  /** @param victim `host:port` of the server that is going to be killed */
  constructor(subject: Subject, workload: Workload, keyCount: number, victim: string) {
    this.#subject = subject;
    this.#victim = victim;
    this.#users = new CacheUsers(subject, workload, keyCount, (outcome, { index, startedAt }, endedAt) => {
      this.#answered.push({ outcome, owned: this.#owned[index] === true, startedAt, endedAt });
      if (TROUBLE.has(outcome)) this.#troubleAt = endedAt;
    });
  }

  async start(callerCount: number): Promise<void> {
    await this.#users.fill();
    const { ownerOf, onReturn } = this.#subject;
    for (const key of this.#users.keys) {
      this.#owned.push(ownerOf === undefined || ownerOf(key) === this.#victim);
    }
    onReturn?.((location) => {
      if (location === this.#victim) this.#returnedAt = now();
    });
    this.#users.start(callerCount);
  }

  /** For how long all has been well: the server is back, no call fails, misses or waits for long. */
  wellMs(times: Times): number {
    const returnedAt = this.#returned(times);
    const isWaiting = [...this.#users.pending].some(({ startedAt }) => startedAt < now() - LONG_MS);
    return returnedAt === undefined || isWaiting ? 0 : now() - Math.max(returnedAt, this.#troubleAt);
  }

  /** @throws WrongResult when a read gave what was never written for its key */
  async end(times: Times, fastMs: number): Promise<Numbers> {
    await this.#users.stop(GRACE_MS);
    const { killedAt, goneAt, restartedAt } = times;
    const before = this.#answered.find(({ outcome, endedAt }) => endedAt < killedAt && TROUBLE.has(outcome));
    if (before !== undefined) throw new Error(`there was a call with "${before.outcome}" before the kill`);
    const since = this.#answered.filter(({ endedAt }) => endedAt >= killedAt);
    const count = (wanted: Outcome) => since.filter(({ outcome }) => outcome === wanted).length;
    const first = (wanted: (call: Answered) => boolean) =>
      since.find((call) => call.owned && call.startedAt >= goneAt && wanted(call))?.endedAt;
    const pending = [...this.#users.pending].map(({ startedAt }) => now() - startedAt);
    const longest = since.reduce((most, { startedAt, endedAt }) => Math.max(most, endedAt - startedAt), 0);
    const afterKill = (at: number | undefined) => at && at - killedAt;
    const returnedAt = this.#returned(times);
    return happened({
      fastMs: afterKill(first(({ startedAt, endedAt }) => endedAt - startedAt < fastMs)),
      servedMs: afterKill(first(({ outcome }) => outcome === 'stored')),
      returnMs: returnedAt && returnedAt - restartedAt,
      failed: count('failed'),
      refused: count('refused'),
      misses: count('miss'),
      older: count('older'),
      unanswered: pending.length,
      longestMs: Math.max(longest, ...pending),
    });
  }

  /** When the server was in use again. */
  #returned({ restartedAt }: Times): number | undefined {
    if (this.#subject.onReturn !== undefined) {
      return this.#returnedAt !== undefined && this.#returnedAt >= restartedAt ? this.#returnedAt : undefined;
    }
    return this.#answered.find(
      ({ owned, outcome, startedAt }) =>
        owned &&
        startedAt >= restartedAt &&
        (outcome === 'stored' || outcome === 'value' || outcome === 'miss'),
    )?.endedAt;
  }
}

function happened(numbers: Readonly<Record<string, number | undefined>>): Numbers {
  return Object.fromEntries(Object.entries(numbers).filter(([, number]) => number !== undefined)) as Numbers;
}
