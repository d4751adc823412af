import type { Connection } from '../connection/connection.js';
import type { DRedisError } from '../errors/errors.js';
import type { Failures } from './failures.js';
import type { Health } from './health.js';

/** Dependencies of {@link Lifecycle}. */
export interface LifecycleOptions {
  readonly connection: Connection;
  readonly health: Health;
  readonly failures: Failures;
  /**
   * Recovers the node before commands are sent.
   *
   * @param hasWaiters whether commands are waiting for the node
   */
  readonly beforeServing: (hasWaiters: boolean) => Promise<void>;
  /** @throws DRedisError if the node cannot execute commands */
  readonly probe: () => Promise<void>;
}

/**
 * Opens a node on the first command and after each failure. To open a node means to connect and recover it.
 * Concurrent callers share one attempt.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  #isRecovered = false;
  #opening: Promise<void> | undefined;
  /** Number of requests that are waiting for the current attempt. */
  #waiterCount = 0;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Whether the node has been recovered since it was last down. */
  get isRecovered(): boolean {
    return this.#isRecovered;
  }

  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  /** Whether a request can be sent immediately. Requests that are already waiting for the node go first. */
  get isReady(): boolean {
    return this.#isOpen && this.#waiterCount === 0;
  }

  /** Records that the node is down, so that it is recovered before it is used again. */
  invalidate(): void {
    this.#isRecovered = false;
  }

  /** Sends a request once the node is open. Requests are sent in the order of the calls. */
  async whenOpen<T>(request: () => Promise<T>): Promise<T> {
    this.#waiterCount += 1;
    try {
      await this.open();
    } finally {
      this.#waiterCount -= 1;
      if (this.#waiterCount === 0) this.#opening = undefined;
    }
    return request();
  }

  /** Connects and recovers the node. @throws NodeUnavailableError */
  open(): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    if (this.#opening === undefined) {
      const done = () => {
        if (this.#waiterCount === 0) this.#opening = undefined;
      };
      this.#opening = this.#open();
      this.#opening.then(done, done);
    }
    return this.#opening;
  }

  /** Connects the node without recovering it. @throws NodeUnavailableError */
  async connect(): Promise<void> {
    const { connection, health, failures } = this.#options;
    try {
      await connection.connect();
    } catch (error) {
      const reason = failures.unavailable(error);
      health.lost(reason);
      throw reason;
    }
  }

  /**
   * Brings back a node that is down: probes it twice, recovers it, and marks it as up.
   *
   * @throws DRedisError
   */
  async revive(): Promise<void> {
    const { health, probe, beforeServing } = this.#options;
    await probe();
    health.returning();
    await probe();
    await beforeServing(false);
    // If writes failed during a long recovery, there may be more to recover. open() recovers the rest while
    // commands wait.
    await this.open();
    health.up();
  }

  get #isOpen(): boolean {
    return this.#isRecovered && this.#options.connection.ready;
  }

  async #open(): Promise<void> {
    const { health, failures, beforeServing } = this.#options;
    await this.connect();
    try {
      await beforeServing(true);
    } catch (error) {
      health.lost(error as DRedisError);
      throw error;
    }
    if (health.state === 'down') throw failures.unavailable(health.reason);
    this.#isRecovered = true;
  }
}
