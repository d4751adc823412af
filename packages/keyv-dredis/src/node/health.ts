import { performance } from 'node:perf_hooks';
import type { DRedisError } from '../errors/errors.js';
import { Backoff } from './backoff.js';

/**
 * State of a node as this process sees it.
 *
 * - `up`: commands are sent.
 * - `suspect`: commands are sent, but the last one timed out.
 * - `down`: commands fail at once, and probes check the node in the background.
 * - `returning`: a probe succeeded; commands are sent again after a second successful probe and the recovery.
 */
export type NodeState = 'up' | 'suspect' | 'down' | 'returning';

/** Status of a node, for a dashboard. */
export interface NodeStatus {
  /** Name of the node. */
  readonly name: string;
  /** Its state. */
  readonly state: NodeState;
  /** Milliseconds in this state. */
  readonly durationMs: number;
  /** Why the node is not up; undefined if it is. */
  readonly reason: DRedisError | undefined;
}

/** A change of a node's state. */
export interface NodeChange {
  readonly state: NodeState;
  /** Why the node is not up; for `up`, why it was not up before. */
  readonly reason: DRedisError;
  /** Milliseconds in the previous state; for `up`, milliseconds since the node was last up. */
  readonly durationMs: number;
}

/** Number of consecutive timeouts after which a node is down. */
const MAX_TIMEOUTS = 3;

export interface HealthOptions {
  /** Longest delay between two revivals, in milliseconds. */
  readonly maxRetryDelayMs: number;
  /**
   * Brings back a node that is down: calls {@link Health.returning}, then {@link Health.up}.
   *
   * @throws DRedisError if the node stays down
   */
  readonly revive: () => Promise<void>;
  readonly onChange: (change: NodeChange) => void;
  /** Returns the time of a monotonic clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/**
 * Derives a node's state from the outcomes of its commands, and revives the node if it is down. If the
 * connection is lost, or a reply shows that the server cannot execute commands, the node is down immediately.
 * If commands time out, the node is down only after three timeouts in a row, because a single timeout may
 * come from a slow command.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  #state: NodeState = 'up';
  #reason: DRedisError | undefined;
  #changedAt: number;
  #lastUpAt = 0;
  #timeoutCount = 0;
  #reviving: Promise<void> | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.maxRetryDelayMs);
    this.#now = options.now ?? (() => performance.now());
    this.#changedAt = this.#now();
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Why the node is not up; undefined if it is. */
  get reason(): DRedisError | undefined {
    return this.#reason;
  }

  /** Milliseconds since the last state change. */
  get durationMs(): number {
    return this.#now() - this.#changedAt;
  }

  /** Whether commands are sent. */
  get isAvailable(): boolean {
    return this.#state === 'up' || this.#state === 'suspect';
  }

  /** Records a reply. */
  answered(): void {
    if (this.#timeoutCount === 0) return;
    this.#timeoutCount = 0;
    if (this.#state === 'suspect') this.#change('up');
  }

  /** Records a timeout. @returns whether the node is down now */
  timedOut(reason: DRedisError): boolean {
    if (!this.isAvailable) return false;
    this.#timeoutCount += 1;
    if (this.#timeoutCount >= MAX_TIMEOUTS) this.lost(reason);
    else this.#change('suspect', reason);
    return !this.isAvailable;
  }

  /** Records that the node cannot be reached, or replied that it cannot execute commands. */
  lost(reason: DRedisError): void {
    const { isAvailable } = this;
    this.#change('down', reason);
    // If the node was already unavailable, a revival is already running or scheduled.
    if (isAvailable) this.#reviveLater();
  }

  /** Records that the node answered a probe while it was down. */
  returning(): void {
    if (this.#state === 'down') this.#change('returning');
  }

  /**
   * Ends a revival: the node is up.
   *
   * @throws DRedisError if the node was lost again in the meantime
   */
  up(): void {
    if (this.#state !== 'returning') throw this.#reason;
    this.#backoff.reset();
    this.#change('up');
  }

  /**
   * Revives an unavailable node now, before the next scheduled retry.
   *
   * @throws DRedisError if the attempt fails; retries continue in the background
   */
  revive(): Promise<void> {
    if (this.isAvailable || this.#stopped) return Promise.resolve();
    this.#backoff.cancel();
    this.#reviving ??= this.#revive();
    return this.#reviving;
  }

  /** Stops retries and state changes. */
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
      if (!this.isAvailable) this.#reviveLater();
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
