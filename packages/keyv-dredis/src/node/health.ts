import { performance } from 'node:perf_hooks';
import type { DRedisError } from '../errors/errors.js';
import { Backoff } from './backoff.js';

/**
 * What a node is for its client.
 *
 * - `up`: commands go out.
 * - `suspect`: commands go out, though the last one was not answered in time.
 * - `down`: commands fail at once; probes ask for a sign of life.
 * - `returning`: there was one; commands go out again after another.
 */
export type NodeState = 'up' | 'suspect' | 'down' | 'returning';

/** What a dashboard shows of a node. */
export interface NodeStatus {
  readonly name: string;
  readonly state: NodeState;
  /** Milliseconds since the node came into this state. */
  readonly durationMs: number;
  /** What speaks against the node; undefined for one that is up. */
  readonly reason: DRedisError | undefined;
}

/** A node has gone from one state to another. */
export interface NodeChange {
  readonly state: NodeState;
  /** What speaks, or spoke, against the node. */
  readonly reason: DRedisError;
  /** Milliseconds that the state before has lasted; for `up`, since the node was up last. */
  readonly durationMs: number;
}

/** Timeouts in a row that make a node down. */
const MOST_TIMEOUTS = 3;

export interface HealthOptions {
  /**
   * Makes sure that a node that is down serves again, and says so: {@link Health.returning}, then
   * {@link Health.up}. @throws DRedisError
   */
  readonly revive: () => Promise<void>;
  readonly onChange: (change: NodeChange) => void;
  /** Milliseconds on a clock that never goes back. @default performance.now */
  readonly now?: () => number;
}

/**
 * Judges a node by what becomes of its commands, and sees to it that one that is down is revived. A lost
 * connection counts at once, and so does a server that says that it cannot serve; timeouts count in a
 * row, for one alone may be a slow command's.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #now: () => number;
  readonly #backoff = new Backoff();
  #state: NodeState = 'up';
  #reason: DRedisError | undefined;
  #changedAt: number;
  #lastUpAt = 0;
  #timeoutCount = 0;
  #reviving: Promise<void> | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#changedAt = this.#now();
  }

  get state(): NodeState {
    return this.#state;
  }

  /** What speaks against the node; undefined while nothing does. */
  get reason(): DRedisError | undefined {
    return this.#reason;
  }

  /** Milliseconds since the last change of state. */
  get durationMs(): number {
    return this.#now() - this.#changedAt;
  }

  /** Whether commands go out. */
  get serves(): boolean {
    return this.#state === 'up' || this.#state === 'suspect';
  }

  /** A command was answered. */
  answered(): void {
    if (this.#timeoutCount === 0) return;
    this.#timeoutCount = 0;
    if (this.#state === 'suspect') this.#change('up');
  }

  /** A command was not answered in time. @returns whether the node is down for it */
  timedOut(reason: DRedisError): boolean {
    if (!this.serves) return false;
    this.#timeoutCount += 1;
    if (this.#timeoutCount >= MOST_TIMEOUTS) this.lost(reason);
    else this.#change('suspect', reason);
    return !this.serves;
  }

  /** The node cannot be reached, or says that it cannot serve. */
  lost(reason: DRedisError): void {
    const { serves } = this;
    this.#change('down', reason);
    // Where it did not serve, an attempt is under way or about to be.
    if (serves) this.#reviveLater();
  }

  /** A node that was down has given a sign of life. */
  returning(): void {
    if (this.#state === 'down') this.#change('returning');
  }

  /**
   * All that a returning node had to do is done: it serves.
   *
   * @throws DRedisError what has spoken against it meanwhile
   */
  up(): void {
    if (this.#state !== 'returning') throw this.#reason;
    this.#backoff.reset();
    this.#change('up');
  }

  /**
   * Revives the node now where it does not serve, rather than when it is due.
   *
   * @throws DRedisError when that fails; it is tried again in the background
   */
  revive(): Promise<void> {
    if (this.serves || this.#stopped) return Promise.resolve();
    this.#backoff.cancel();
    this.#reviving ??= this.#revive();
    return this.#reviving;
  }

  /** No more attempts, and no more changes. */
  stop(): void {
    this.#stopped = true;
    this.#backoff.cancel();
  }

  async #revive(): Promise<void> {
    try {
      await this.#options.revive();
    } catch (error) {
      this.lost(error as DRedisError);
      throw error;
    } finally {
      this.#reviving = undefined;
      if (!this.serves) this.#reviveLater();
    }
  }

  #reviveLater(): void {
    if (!this.#stopped) this.#backoff.schedule(() => this.revive());
  }

  #change(state: NodeState, reason = this.#reason): void {
    const before = this.#state;
    this.#reason = reason;
    if (state === before || reason === undefined || this.#stopped) return;
    if (before === 'up') this.#lastUpAt = this.#now();
    const { durationMs } = this;
    this.#state = state;
    this.#changedAt = this.#now();
    if (state === 'up') {
      this.#reason = undefined;
      this.#timeoutCount = 0;
    }
    this.#options.onChange({
      state,
      reason,
      durationMs: state === 'up' ? this.#changedAt - this.#lastUpAt : durationMs,
    });
  }
}
