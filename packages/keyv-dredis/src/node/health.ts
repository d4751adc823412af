import type { DRedisError } from '../errors/errors.js';
import { type Timers, timers } from '../timers.js';
import type { NodeChange, NodeState } from './node-status.js';
import { Retries, type Retryable, type ServerKey } from './retries.js';

/** Number of consecutive calls that time out after which a node is down. */
const MAX_TIMEOUTS = 3;

export interface HealthOptions extends Pick<Retryable, 'maxRetryDelayMs' | 'resolveHost'> {
  /** Nodes with the same key share their retries. */
  readonly server: ServerKey;
  /**
   * Brings back a node that is down: calls {@link Health.returning}, then {@link Health.up}.
   *
   * @throws DRedisError if the node stays down
   */
  readonly revive: () => Promise<void>;
  readonly onChange: (change: NodeChange) => void;
  /** @default the timers of Node.js */
  readonly timers?: Timers;
}

/**
 * Derives a node's state from the outcomes of its commands, and revives the node if it is down. If the
 * node cannot be reached, or a reply shows that the server cannot execute commands, the node is down immediately.
 * If commands time out, the node is down only after three timeouts in a row, because a single timeout may
 * come from a slow command.
 */
export class Health implements Retryable {
  readonly maxRetryDelayMs: number;
  readonly resolveHost: Retryable['resolveHost'];
  readonly #options: HealthOptions;
  readonly timers: Timers;
  #state: NodeState = 'up';
  #reason: DRedisError | undefined;
  #changedAt: number;
  #lastUpAt = 0;
  #timeoutCount = 0;
  #reviving: Promise<void> | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.maxRetryDelayMs = options.maxRetryDelayMs;
    this.resolveHost = options.resolveHost;
    this.timers = options.timers ?? timers;
    this.#changedAt = this.timers.now();
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
    return this.timers.now() - this.#changedAt;
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

  /**
   * Records a timeout.
   *
   * @param isMoving whether the connection is busy with other bytes, so that the node is not dead
   * @param callCount number of calls that waited for the reply
   * @returns whether the node is down now
   */
  timedOut(reason: DRedisError, isMoving = false, callCount = 1): boolean {
    if (!this.isAvailable) return false;
    // While bytes move, timeouts do not add up: the rest of a long value may take several more.
    this.#timeoutCount = isMoving ? 1 : this.#timeoutCount + callCount;
    if (this.#timeoutCount >= MAX_TIMEOUTS) this.lost(reason);
    else this.#change('suspect', reason);
    return !this.isAvailable;
  }

  /** Records that the node cannot be reached, or replied that it cannot execute commands. */
  lost(reason: DRedisError): void {
    this.#change('down', reason);
    if (!this.#stopped) Retries.join(this.#options.server, this);
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
    this.#leaveRetries();
    this.#change('up');
  }

  /**
   * Revives an unavailable node now, before the next scheduled retry.
   *
   * @throws DRedisError if the attempt fails; retries continue in the background
   */
  revive(): Promise<void> {
    if (this.isAvailable || this.#stopped) return Promise.resolve();
    this.#reviving ??= this.#revive();
    return this.#reviving;
  }

  /** Stops retries and state changes. */
  stop(): void {
    this.#stopped = true;
    this.#leaveRetries();
  }

  async #revive(): Promise<void> {
    try {
      await this.#options.revive();
    } catch (error) {
      this.lost(error as DRedisError);
      throw error;
    } finally {
      this.#reviving = undefined;
    }
  }

  #leaveRetries(): void {
    Retries.leave(this.#options.server, this);
  }

  #change(state: NodeState, reason = this.#reason): void {
    const before = this.#state;
    this.#reason = reason;
    if (state === before || reason === undefined || this.#stopped) return;
    if (before === 'up') this.#lastUpAt = this.timers.now();
    const { durationMs } = this;
    this.#state = state;
    this.#changedAt = this.timers.now();
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
