import type { NodeDescription } from '../config/locations.js';
import { type Connection, noop } from '../connection/connection.js';
import type { RedisClient } from '../connection/redis-client.js';
import type { DRedisError } from '../errors/errors.js';
import { TOPOLOGY_KEY } from '../format/reserved-keys.js';
import { atMost, timers } from '../timers.js';
import { CallerCommands } from './caller-commands.js';
import { Commands } from './commands.js';
import { Deadlines } from './deadlines.js';
import { Failures } from './failures.js';
import { Health } from './health.js';
import { HeldRecord } from './held-record.js';
import { Lifecycle } from './lifecycle.js';
import { makeConnection } from './node-connection.js';
import type { NodeHooks, NodeListener, NodeOptions } from './node-hooks.js';
import type { NodeStatus } from './node-status.js';
import { Outcomes } from './outcomes.js';
import { Retries } from './retries.js';
import { type CallerCommand, MAINTENANCE, type Request, type SendOptions } from './send-options.js';
import { SupersededError } from './superseded.js';

/** Recovers a node after an outage, and follows the topology record. */
export type RecoveryHooks = NodeHooks<Node>;

/**
 * One Redis server, reached through one client. Sends commands with a deadline. While the server is down,
 * commands fail immediately.
 */
export class Node {
  readonly name: string;
  /** Whether the store created the client, so that only this store uses the client's connection. */
  readonly isManaged: boolean;
  readonly #options: NodeOptions;
  readonly #connection: Connection;
  readonly #commands: Commands;
  readonly #deadlines: Deadlines;
  readonly #failures: Failures;
  readonly #health: Health;
  readonly #lifecycle: Lifecycle;
  readonly #outcomes: Outcomes;
  readonly #callerCommands: CallerCommands;
  readonly #record = new HeldRecord();
  #isRetired = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(
    { name, source, secrets }: NodeDescription,
    options: NodeOptions,
    listener: NodeListener,
    hooks: RecoveryHooks,
  ) {
    this.name = name;
    this.isManaged = source.kind === 'options';
    this.#options = options;
    this.#failures = new Failures(name, secrets, options.commandTimeoutMs);
    this.#connection = makeConnection(source, options, {
      lost: (cause) => this.#outcomes.connectionLost(cause),
      unreadable: (cause) => this.#outcomes.unreadable(cause),
      reconnected: () => this.#outcomes.reconnected(),
      invalidated: (key) => {
        if (key === undefined || key === TOPOLOGY_KEY) this.refresh();
      },
    });
    this.#commands = new Commands(this.#connection.client);
    this.#deadlines = new Deadlines({
      timeoutMs: options.commandTimeoutMs,
      timeoutError: () => this.#failures.timeout(),
    });
    const { server, resolveHost } = this.#connection;
    this.#health = new Health({
      server,
      resolveHost,
      maxRetryDelayMs: options.maxRetryDelayMs,
      revive: () => this.#lifecycle.revive(),
      onChange: (change) => {
        if (change.state === 'down') {
          this.#lifecycle.invalidate();
          this.#record.forget();
        }
        listener.changed(name, change);
      },
    });
    this.#lifecycle = new Lifecycle({
      connection: this.#connection,
      health: this.#health,
      failures: this.#failures,
      beforeServing: () => hooks.beforeServing(this),
      isSynchronized: () => this.#record.isKnown,
      synchronize: () => hooks.synchronize(this),
      timedOut: (error) => {
        this.#outcomes.failed(error);
        return !this.#health.isAvailable;
      },
      unreachable: () => hooks.unreachable(this),
      probe: () => this.#probe(),
      opened: () => {
        Retries.serverWorks(server);
        hooks.opened(this);
      },
    });
    this.#outcomes = new Outcomes({
      connection: this.#connection,
      health: this.#health,
      lifecycle: this.#lifecycle,
      failures: this.#failures,
      commandTimeoutMs: options.commandTimeoutMs,
      maxRetryDelayMs: options.maxRetryDelayMs,
      onError: (error) => listener.failed(error),
    });
    this.#callerCommands = new CallerCommands({
      commands: this.#commands,
      deadlines: this.#deadlines,
      failures: this.#failures,
      health: this.#health,
      lifecycle: this.#lifecycle,
      outcomes: this.#outcomes,
      record: this.#record,
      commandTimeoutMs: options.commandTimeoutMs,
      isAvailable: () => this.isAvailable,
      startsOver: () => !this.#closed && hooks.startsOver(this),
      isRetired: () => this.#isRetired,
    });
  }

  /**
   * Epoch of the topology record that the server holds, as far as this process knows. `UNKNOWN_EPOCH` until the
   * record has been read on this connection, and after it has changed. Nodes without a topology stay in epoch 0.
   */
  get epoch(): number {
    return this.#record.epoch;
  }

  /**
   * When a command was sent to which the server replied while it held the record of an epoch, as far as it has announced.
   * On the clock of `timers.now()`.
   */
  confirmedAt(epoch: number): number {
    return this.#record.confirmedAt(epoch);
  }

  /** Number of calls of {@link Node.refresh}. */
  get refreshCount(): number {
    return this.#record.changeCount;
  }

  /** Whether the node is connected, and has been recovered since it was last down. */
  get isRecovered(): boolean {
    return this.#lifecycle.isRecovered;
  }

  /** Whether commands are sent to the node, immediately or once it is open. */
  get isAvailable(): boolean {
    const { isAvailable, state } = this.#health;
    return isAvailable || (state === 'returning' && this.#lifecycle.isOpening);
  }

  /** Which commands calls may share on the node's connection. */
  get sharing(): Pick<Commands, 'mayShare' | 'notShared'> {
    return this.#commands;
  }

  /** Records an error reply to a part of a command. @returns the error for the caller */
  refused(reply: Error): DRedisError {
    return this.#outcomes.failed(reply);
  }

  /** Whether the node is being opened or synchronized, or has replies that wait for that. */
  get isSynchronizing(): boolean {
    return this.#lifecycle.isOpening || this.#callerCommands.hasUnconfirmed;
  }

  get status(): NodeStatus {
    const { state, durationMs, reason } = this.#health;
    return { name: this.name, state, durationMs, reason };
  }

  get client(): RedisClient {
    return this.#connection.client;
  }

  /**
   * Opens the node without waiting for the first command.
   *
   * @throws NodeUnavailableError if the attempt fails; retries continue in the background
   */
  async connect(): Promise<void> {
    if (this.#closed) throw this.#failures.closed();
    if (this.#health.isAvailable) await this.#lifecycle.open();
    else await this.#health.revive();
  }

  /** Reads the topology record again, because it may have changed. Until then, commands of callers wait. */
  refresh(): void {
    this.#record.changed();
    this.#lifecycle.refresh();
  }

  /**
   * Sets {@link Node.epoch}, unless the record has changed since it was read.
   *
   * @param refreshCount {@link Node.refreshCount} when the command that reads the record was sent
   * @param sentAt when that command was sent
   */
  holds(epoch: number, refreshCount: number, sentAt: number): void {
    this.#record.read(epoch, refreshCount, sentAt);
  }

  /** Renews {@link Node.confirmedAt}. Opens the node, unless it is down. Never rejects. */
  async confirm(): Promise<void> {
    if (!this.#lifecycle.isReady) await this.wake();
    else await this.run((commands) => commands.ping()).catch(noop);
  }

  /** Whether the connection tells when the topology record changes, if the server allows it. */
  get tellsInvalidations(): boolean {
    return this.#connection.tellsInvalidations;
  }

  /**
   * Opens the node, unless it is down.
   *
   * @returns a promise that resolves once the attempt has ended; never rejects
   */
  async wake(): Promise<void> {
    if (this.#closed || !this.#health.isAvailable) return;
    await this.#lifecycle.open().catch(noop);
  }

  /**
   * Sends commands and waits at most `commandTimeoutMs` for the replies. Rejects immediately while the node
   * is down.
   *
   * @throws NodeUnavailableError, CommandTimeoutError, or CommandFailedError for an error reply
   */
  run<T>(request: Request<T>, options?: SendOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed || !options?.isMaintenance) {
        this.send({ callCount: 1, request, resolve, reject }, options);
      } else {
        const watcher = { resolve, reject: (error: unknown) => reject(this.#outcomes.translate(error)) };
        const send = () => void this.#deadlines.watch(request(this.#commands), watcher, false);
        this.#lifecycle.connect().then(send).catch(reject);
      }
    });
  }

  /** Like {@link Node.run}, without a promise. For commands of callers. */
  send<T>(command: CallerCommand<T>, options: SendOptions | undefined): void {
    if (this.#closed) command.reject(this.#isRetired ? new SupersededError() : this.#failures.closed());
    else if (this.isAvailable) this.#callerCommands.send(command, options);
    else command.reject(this.#callerCommands.refusal(options));
  }

  /** Keeps the node open between the commands of a call. @returns a release function; call it once */
  retain(): () => void {
    return this.#deadlines.retain();
  }

  /** Closes a node that is not in the topology any more. Calls that fail on it start over. */
  retire(): Promise<void> {
    this.#isRetired = true;
    return this.close();
  }

  /**
   * Waits at most `disconnectTimeoutMs` for calls in flight, and then closes the node. Idempotent; never
   * rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #probe(): Promise<void> {
    if (this.#closing !== undefined) throw this.#failures.closed();
    const send = (request: Request<unknown>) => this.run(request, MAINTENANCE);
    const failed = (error: unknown) => this.#outcomes.probeFailed(error);
    try {
      await send((commands) => commands.probeWrites());
    } catch (error) {
      failed(error);
      // The server refuses writes. It may still serve reads.
      await send((commands) => commands.probeReads()).catch(failed);
    }
  }

  async #close(): Promise<void> {
    this.#health.stop();
    this.#outcomes.stop();
    const endsAt = timers.now() + this.#options.disconnectTimeoutMs;
    await atMost(this.#options.disconnectTimeoutMs, this.#deadlines.idle());
    this.#closed = true;
    await this.#connection.close(Math.max(0, endsAt - timers.now()));
  }
}
