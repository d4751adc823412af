import { CommandTimeoutError, type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import { atMost, timers } from '../timers.js';
import type { Commands } from './commands.js';
import type { Deadlines, Watcher } from './deadlines.js';
import type { Failures } from './failures.js';
import type { Health } from './health.js';
import type { HeldRecord } from './held-record.js';
import type { Lifecycle } from './lifecycle.js';
import type { Outcomes } from './outcomes.js';
import { isRefusal } from './replies.js';
import type { CallerCommand, SendOptions } from './send-options.js';
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
  readonly #unconfirmed = new Set<object>();

  constructor(options: CallerCommandsOptions) {
    this.#options = options;
  }

  /** Whether there are replies of which it is not known yet whether they count. */
  get hasUnconfirmed(): boolean {
    return this.#unconfirmed.size > 0;
  }

  send<T>(command: CallerCommand<T>, options: SendOptions | undefined): void {
    new SentCommand(command, options, this.#options, this.#unconfirmed).send();
  }

  /** The error for a command that is not sent, because the node is down. */
  refusal(options: SendOptions | undefined): unknown {
    const { failures, health, startsOver } = this.#options;
    const isRepeated = options?.epoch !== undefined && startsOver();
    return isRepeated ? new SupersededError() : failures.unavailable(health.reason);
  }
}

/** A command of callers, from when it is sent until it is settled. */
class SentCommand<T> implements Watcher<T> {
  readonly #command: CallerCommand<T>;
  readonly #epoch: number | undefined;
  readonly #isRead: boolean;
  readonly #options: CallerCommandsOptions;
  readonly #unconfirmed: Set<object>;
  readonly #turn = nextTurn();
  #expiresAt = 0;

  constructor(
    command: CallerCommand<T>,
    options: SendOptions | undefined,
    dependencies: CallerCommandsOptions,
    unconfirmed: Set<object>,
  ) {
    this.#unconfirmed = unconfirmed;
    this.#command = command;
    this.#epoch = options?.epoch;
    this.#isRead = options?.isRead ?? false;
    this.#options = dependencies;
  }

  send(): void {
    const { commands, deadlines, lifecycle } = this.#options;
    const reply =
      lifecycle.isReady && this.#isCurrent ? this.#command.request(commands) : this.#sendWhenOpen();
    this.#expiresAt = deadlines.watch(reply, this);
  }

  resolve(value: T): void {
    const { health, record, commandTimeoutMs } = this.#options;
    health.answered();
    record.replied(this.#expiresAt - commandTimeoutMs);
    if (this.#isCurrent) this.#deliver(value);
    else {
      this.#unconfirmed.add(this);
      this.#confirm().then((isConfirmed) => {
        this.#unconfirmed.delete(this);
        if (isConfirmed) this.#deliver(value);
        else this.#command.reject(new SupersededError(this.#turn, this.#expiresAt, value));
      });
    }
  }

  reject(error: unknown): void {
    const failure =
      error instanceof SupersededError || this.#options.isRetired() ? undefined : this.#failed(error);
    this.#command.reject(failure ?? new SupersededError(this.#turn, this.#expiresAt), this.#expiresAt);
  }

  /** Sends a read again if its connection was lost. @returns undefined if the command has failed */
  retry(error: unknown): Promise<T> | undefined {
    if (!this.#isRead || error instanceof SupersededError) return undefined;
    const { outcomes, isAvailable } = this.#options;
    return outcomes.lostConnection(error) && isAvailable() ? this.#sendWhenOpen() : undefined;
  }

  #deliver(value: T): void {
    try {
      this.#command.resolve(value, this.#options.commands, this.#expiresAt);
    } catch (error) {
      this.reject(error);
    }
  }

  /** Whether the server holds the record of the call's epoch. */
  get #isCurrent(): boolean {
    return this.#epoch === undefined || this.#epoch === this.#options.record.epoch;
  }

  /** @returns the error for the caller; undefined if the call starts over */
  #failed(thrown: unknown): DRedisError | undefined {
    const { outcomes, record, commandTimeoutMs, isAvailable, startsOver } = this.#options;
    const error = outcomes.failed(thrown, this.#command.callCount);
    if (isRefusal(error)) record.replied(this.#expiresAt - commandTimeoutMs);
    const isLost =
      error instanceof NodeUnavailableError || (!isAvailable() && !(error instanceof CommandTimeoutError));
    return isLost && this.#epoch !== undefined && startsOver() ? undefined : error;
  }

  #sendWhenOpen(): Promise<T> {
    const { commands, failures, lifecycle, commandTimeoutMs } = this.#options;
    const startedAt = timers.now();
    return lifecycle.whenOpen(async () => {
      // The caller has already got the timeout error, so the command must not be sent.
      if (timers.now() - startedAt >= commandTimeoutMs) throw failures.timeout();
      if (!this.#isCurrent) throw new SupersededError();
      return this.#command.request(commands);
    });
  }

  /**
   * Waits until it is known whether the record has changed. A server also announces a change if the record is written
   * again, if any database is flushed, or if another database has a key of the same name. Then the reply counts.
   *
   * @returns false if the record has changed, or is not known in time; never rejects
   */
  async #confirm(): Promise<boolean> {
    const { health, lifecycle, record } = this.#options;
    while (!record.isKnown && health.isAvailable) {
      const leftMs = this.#expiresAt - timers.now();
      if (leftMs <= 0) break;
      const isOpen = await atMost(leftMs, lifecycle.open()).then(
        () => true,
        () => false,
      );
      // A closed node rejects at once, so trying again would block the event loop.
      if (!isOpen) break;
    }
    return this.#isCurrent;
  }
}
