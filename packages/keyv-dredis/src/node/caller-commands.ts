import { CommandTimeoutError, type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import { atMost, timers } from '../timers.js';
import type { Commands } from './commands.js';
import type { Deadlines } from './deadlines.js';
import type { Failures } from './failures.js';
import type { Health } from './health.js';
import type { HeldRecord } from './held-record.js';
import type { Lifecycle } from './lifecycle.js';
import type { Outcomes } from './outcomes.js';
import { isRefusal } from './replies.js';
import type { Request, SendOptions } from './send-options.js';
import { nextTurn, SupersededError } from './superseded.js';

/** Dependencies of {@link CallerCommands}. */
export interface CallerCommandsOptions {
  readonly commands: Commands;
  readonly deadlines: Deadlines;
  readonly failures: Failures;
  readonly health: Health;
  readonly lifecycle: Lifecycle;
  readonly outcomes: Outcomes;
  readonly record: HeldRecord;
  readonly commandTimeoutMs: number;
  readonly isAvailable: () => boolean;
  /** Whether calls that have lost the node start over. */
  readonly startsOver: () => boolean;
  /** Whether the node has left the topology. */
  readonly isRetired: () => boolean;
}

/** Sends the commands of callers, checks under which topology record they were executed, and records their outcomes. */
export class CallerCommands {
  readonly #options: CallerCommandsOptions;

  constructor(options: CallerCommandsOptions) {
    this.#options = options;
  }

  send<T>(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    options: SendOptions | undefined,
  ): void {
    const { commands, deadlines, health, lifecycle, record, commandTimeoutMs, isRetired } = this.#options;
    const epoch = options?.epoch;
    const turn = nextTurn();
    const expiresAt = deadlines.watch(
      lifecycle.isReady && (epoch === undefined || epoch === record.epoch)
        ? request(commands)
        : this.#sendWhenOpen(request, epoch),
      (value) => {
        health.answered();
        record.replied(expiresAt - commandTimeoutMs);
        if (epoch === undefined || epoch === record.epoch) resolve(value);
        else {
          this.#confirm(epoch, expiresAt).then((isConfirmed) => {
            if (isConfirmed) resolve(value);
            else reject(new SupersededError(turn, expiresAt, value));
          });
        }
      },
      (error) => {
        const failure =
          error instanceof SupersededError || isRetired() ? undefined : this.#failed(error, expiresAt, epoch);
        reject(failure ?? new SupersededError(turn, expiresAt));
      },
      options?.isRead ? { retry: (error) => this.#retry(request, error, epoch) } : undefined,
    );
  }

  /** The error for a command that is not sent, because the node is down. */
  refusal(options: SendOptions | undefined): unknown {
    const { failures, health, startsOver } = this.#options;
    const isRepeated = options?.epoch !== undefined && startsOver();
    return isRepeated ? new SupersededError() : failures.unavailable(health.reason);
  }

  /** @returns the error for the caller; undefined if the call starts over */
  #failed(thrown: unknown, expiresAt: number, epoch: number | undefined): DRedisError | undefined {
    const { outcomes, record, commandTimeoutMs, isAvailable, startsOver } = this.#options;
    const error = outcomes.failed(thrown);
    if (isRefusal(error)) record.replied(expiresAt - commandTimeoutMs);
    const isLost =
      error instanceof NodeUnavailableError || (!isAvailable() && !(error instanceof CommandTimeoutError));
    return isLost && epoch !== undefined && startsOver() ? undefined : error;
  }

  #sendWhenOpen<T>(request: Request<T>, epoch: number | undefined): Promise<T> {
    const { commands, failures, lifecycle, record, commandTimeoutMs } = this.#options;
    const startedAt = timers.now();
    return lifecycle.whenOpen(async () => {
      // The caller has already got the timeout error, so the command must not be sent.
      if (timers.now() - startedAt >= commandTimeoutMs) throw failures.timeout();
      if (epoch !== undefined && epoch !== record.epoch) throw new SupersededError();
      return request(commands);
    });
  }

  /**
   * Waits until it is known whether the record has changed. A server also announces a change if the record is written
   * again, if any database is flushed, or if another database has a key of the same name. Then the reply counts.
   *
   * @returns false if the record has changed, or is not known in time; never rejects
   */
  async #confirm(epoch: number, expiresAt: number): Promise<boolean> {
    const { health, lifecycle, record } = this.#options;
    while (!record.isKnown && health.isAvailable) {
      const leftMs = expiresAt - timers.now();
      if (leftMs <= 0) break;
      const isOpen = await atMost(leftMs, lifecycle.open()).then(
        () => true,
        () => false,
      );
      // A closed node rejects at once, so trying again would block the event loop.
      if (!isOpen) break;
    }
    return record.epoch === epoch;
  }

  /** Sends a read again if its connection was lost. @returns undefined if the read has failed */
  #retry<T>(request: Request<T>, error: unknown, epoch: number | undefined): Promise<T> | undefined {
    const { outcomes, isAvailable } = this.#options;
    if (error instanceof SupersededError || !outcomes.lostConnection(error)) return undefined;
    return isAvailable() ? this.#sendWhenOpen(request, epoch) : undefined;
  }
}
