import { type Connection, noop } from '../connection/connection.js';
import { CommandTimeoutError, type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import { timers } from '../timers.js';
import type { Failures } from './failures.js';
import type { Health } from './health.js';

/** Dependencies of {@link Lifecycle}. */
export interface LifecycleOptions {
  readonly connection: Connection;
  readonly health: Health;
  readonly failures: Failures;
  /** Recovers the node before commands are sent. */
  readonly beforeServing: () => Promise<void>;
  /** Whether the topology record of the server is known. */
  readonly isSynchronized: () => boolean;
  /** @throws DRedisError */
  readonly synchronize: () => Promise<void>;
  /** Records a timeout. @returns whether the node is not available any more */
  readonly timedOut: (error: CommandTimeoutError) => boolean;
  /** Called when the node cannot be connected, before the requests fail. Never rejects. */
  readonly unreachable: () => Promise<void>;
  /** @throws DRedisError if the node cannot execute commands */
  readonly probe: () => Promise<void>;
  /** Called after each successful attempt to open the node. */
  readonly opened: () => void;
}

interface Waiting {
  readonly send: () => void;
  readonly reject: (error: unknown) => void;
}

/** A connection that is lost within this time after the node was opened is a quick loss. In milliseconds. */
const QUICK_LOSS_MS = 500;

/** Number of consecutive quick losses after which the node is down. */
const MAX_QUICK_LOSSES = 3;

/**
 * Opens a node on the first command, after each lost connection and after each failure. To open a node means
 * to connect and recover it. Concurrent callers share one attempt.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  #isRecovered = false;
  #opening: Promise<void> | undefined;
  /** Requests that are waiting for an attempt, in the order of the calls. */
  #waiting: Waiting[] = [];
  #openedAt = Number.NEGATIVE_INFINITY;
  #quickLossCount = 0;
  /** Why the connection was lost during the current attempt. */
  #lost: DRedisError | undefined;

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
    return this.#isOpen && this.#waiting.length === 0;
  }

  /** Records that the node is down, so that it is recovered before it is used again. */
  invalidate(): void {
    this.#isRecovered = false;
  }

  /** Synchronizes an open node again, on the same connection. Requests wait. */
  refresh(): void {
    // An attempt in progress synchronizes before it ends.
    if (this.#isRecovered && !this.isOpening) this.open().catch(noop);
  }

  /**
   * Opens the node again immediately. Requests wait for the attempt. Only if the attempt fails, the node is down.
   *
   * @param lost why the connection is lost; undefined if the store replaces it. If connections are lost several
   * times in a row soon after they were opened, the node is down.
   */
  reopen(lost?: DRedisError): void {
    this.#lost ??= lost;
    if (this.isOpening) return;
    this.invalidate();
    if (lost !== undefined && this.#isUnstable()) this.#options.health.lost(lost);
    else this.open().catch(noop);
  }

  /** Sends a request once the node is open. Requests are sent in the order of the calls. */
  whenOpen<T>(request: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send: () => request().then(resolve, reject), reject });
      if (this.#waiting.length === 1) void this.#sendWaiting();
    });
  }

  /** Connects and recovers the node. @throws NodeUnavailableError */
  open(): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Connects the node without recovering it. @throws NodeUnavailableError */
  async connect(): Promise<void> {
    const { connection, health, failures, unreachable } = this.#options;
    try {
      await connection.connect();
    } catch (error) {
      const reason = failures.unavailable(error);
      await unreachable();
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
    await beforeServing();
    // If writes failed during a long recovery, there may be more to recover. open() recovers the rest while
    // commands wait.
    await this.open();
    health.up();
  }

  get #isOpen(): boolean {
    const { connection, isSynchronized } = this.#options;
    return this.#isRecovered && connection.ready && isSynchronized();
  }

  /** All are sent in one promise job. Otherwise, a request that is made between two of them could overtake the second. */
  async #sendWaiting(): Promise<void> {
    try {
      // The record may change again between the end of an attempt and the next promise job.
      do await this.open();
      while (!this.#isOpen);
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
    for (const { send } of this.#waiting.splice(0)) send();
  }

  /** If the connection is lost during the recovery, starts again, because the server may have restarted. */
  async #connectAndRecover(): Promise<void> {
    const { health, failures, connection, beforeServing, isSynchronized, synchronize } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const isConnected = this.#isRecovered && connection.ready;
      await this.connect();
      this.#lost = undefined;
      try {
        if (!isConnected) await beforeServing();
        // The record may change again meanwhile.
        while (!isSynchronized()) await (isConnected ? this.#synchronizeAgain() : synchronize());
        if (this.#lost === undefined) return;
        throw failures.unavailable(this.#lost);
      } catch (error) {
        const isLost = error instanceof NodeUnavailableError && health.isAvailable;
        if (!isLost || attempt === MAX_QUICK_LOSSES) throw error;
      }
    }
  }

  /** Like the commands of callers, a command of a connected node may time out behind a long value on a slow line. */
  async #synchronizeAgain(): Promise<void> {
    const { synchronize, timedOut } = this.#options;
    try {
      await synchronize();
    } catch (error) {
      if (!(error instanceof CommandTimeoutError) || timedOut(error)) throw error;
    }
  }

  #isUnstable(): boolean {
    const isQuick = timers.now() - this.#openedAt < QUICK_LOSS_MS;
    this.#quickLossCount = isQuick ? this.#quickLossCount + 1 : 0;
    return this.#quickLossCount >= MAX_QUICK_LOSSES;
  }

  async #open(): Promise<void> {
    const { health, failures, opened } = this.#options;
    try {
      await this.#connectAndRecover();
      if (health.state === 'down') throw failures.unavailable(health.reason);
      this.#isRecovered = true;
      this.#openedAt = timers.now();
      opened();
    } catch (error) {
      health.lost(error as DRedisError);
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }
}
