import { type Connection, noop } from '../connection/connection.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  type DRedisError,
  NodeUnavailableError,
} from '../errors/errors.js';
import { timers } from '../timers.js';
import type { Failures } from './failures.js';
import type { Health } from './health.js';
import type { Lifecycle } from './lifecycle.js';
import { isFromReplica, isRefusal } from './replies.js';
import { MalformedReplyError } from './reply-shapes.js';
import { Switchover } from './switchover.js';

/** Between two reconnects of a client within this time, the node waits for its next retry. In milliseconds. */
const MIN_REVIVE_INTERVAL_MS = 250;

/** Dependencies of {@link Outcomes}. */
export interface OutcomesOptions {
  readonly connection: Connection;
  readonly health: Health;
  readonly lifecycle: Lifecycle;
  readonly failures: Failures;
  readonly commandTimeoutMs: number;
  readonly maxRetryDelayMs: number;
  /** Is told of an error that rejects no promise. */
  readonly onError: (error: DRedisError) => void;
}

/** Applies the outcomes of commands to the node: to its health, its connection and its life cycle. */
export class Outcomes {
  readonly #options: OutcomesOptions;
  readonly #switchover: Switchover;
  /** Whether the caller knows that its client is connected to a server that is not the primary. */
  #toldNotPrimary = false;
  /** When the node was last revived because the caller's client had reconnected. */
  #revivedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: OutcomesOptions) {
    this.#options = options;
    this.#switchover = new Switchover(options.maxRetryDelayMs, () => this.#replaceConnection());
  }

  /** Stops to open the node again, because it is being closed. */
  stop(): void {
    this.#stopped = true;
    this.#switchover.stop();
  }

  /**
   * Records a failed command.
   *
   * @param callCount number of calls that share the command
   * @returns the error for the callers
   */
  failed(thrown: unknown, callCount = 1): DRedisError {
    const { health, connection, failures } = this.#options;
    const error = this.translate(thrown);
    if (isFromReplica(error)) this.#notPrimary(error);
    if (error instanceof CommandTimeoutError) {
      if (health.timedOut(error, connection.isMoving, callCount)) connection.drop();
    } else if (isRefusal(error)) {
      health.answered();
    } else if (error instanceof CommandFailedError) {
      health.lost(error);
    } else if (error instanceof NodeUnavailableError) {
      // If the store dropped the connection itself, the client's error does not have the reason.
      if (!health.isAvailable) return failures.unavailable(health.reason);
      if (thrown instanceof MalformedReplyError) health.lost(error);
      else this.connectionLost(error);
    }
    return error;
  }

  /** Whether a command failed because the connection was lost. If so, the node is opened again. */
  lostConnection(thrown: unknown): boolean {
    if (this.#stopped || !this.#options.health.isAvailable || thrown instanceof MalformedReplyError)
      return false;
    const error = this.translate(thrown);
    if (!(error instanceof NodeUnavailableError)) return false;
    this.connectionLost(error);
    return true;
  }

  /** Opens the node again immediately. Only if that fails, the node is down. */
  connectionLost(cause: unknown): void {
    if (this.#stopped) return;
    this.#toldNotPrimary = false;
    const { health, lifecycle, failures } = this.#options;
    const reason = failures.unavailable(cause);
    if (health.isAvailable) lifecycle.reopen(reason);
    else health.lost(reason);
  }

  /** The server sent a reply that cannot be parsed. */
  unreadable(cause: unknown): void {
    const { health, failures } = this.#options;
    health.lost(failures.unavailable(cause));
  }

  /** The caller's client has reconnected, possibly to another server. */
  reconnected(): void {
    const { health, lifecycle } = this.#options;
    if (health.isAvailable) {
      if (lifecycle.isRecovered) lifecycle.reopen();
      return;
    }
    // If the server closes each connection at the first command, the client reconnects each time without a delay.
    if (timers.now() - this.#revivedAt < MIN_REVIVE_INTERVAL_MS) return;
    this.#revivedAt = timers.now();
    health.revive().catch(noop);
  }

  /** Converts any error to the error that a caller gets. */
  translate(thrown: unknown): DRedisError {
    // The replies after a malformed one may belong to other commands.
    if (thrown instanceof MalformedReplyError) this.#options.connection.drop();
    return this.#options.failures.translate(thrown);
  }

  /** Handles the failure of a probe. @throws DRedisError unless the error is a reply that refuses one command */
  probeFailed(error: unknown): void {
    const { connection, commandTimeoutMs } = this.#options;
    // The next probe uses a new connection, because the address may lead to another server by then.
    if (error instanceof CommandTimeoutError) connection.drop();
    else if (!isRefusal(error)) connection.replace(commandTimeoutMs);
    if (!isRefusal(error)) throw error;
  }

  #notPrimary(error: CommandFailedError): void {
    const { connection, failures, onError } = this.#options;
    if (connection.isReplaceable) this.#switchover.notPrimary();
    else if (!this.#toldNotPrimary) {
      this.#toldNotPrimary = true;
      onError(failures.notPrimary(error));
    }
  }

  #replaceConnection(): void {
    const { health, lifecycle, connection, commandTimeoutMs } = this.#options;
    if (!health.isAvailable || lifecycle.isOpening) return;
    connection.replace(commandTimeoutMs);
    lifecycle.reopen();
  }
}
