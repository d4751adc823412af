import { performance } from 'node:perf_hooks';
import type { ClientSource, NodeDescription } from '../config/locations.js';
import { atMost } from '../connection/at-most.js';
import { type Connection, type ConnectionListener, noop } from '../connection/connection.js';
import { ExternalConnection } from '../connection/external-connection.js';
import { ManagedConnection } from '../connection/managed-connection.js';
import type { RedisClient } from '../connection/redis-client.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  type DRedisError,
  NodeUnavailableError,
} from '../errors/errors.js';
import { Commands } from './commands.js';
import { Deadlines } from './deadlines.js';
import { Failures } from './failures.js';
import { Health, type NodeChange, type NodeStatus } from './health.js';
import { Lifecycle } from './lifecycle.js';
import { isRefusal } from './replies.js';
import { MalformedReplyError } from './reply-shapes.js';

export interface NodeOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly disconnectTimeoutMs: number;
  readonly maxRetryDelayMs: number;
}

/** Called for each change of a node's state. */
export type NodeListener = (node: string, change: NodeChange) => void;

/** Recovers a node after an outage. */
export interface RecoveryHooks {
  /**
   * Runs after each connect, before commands are sent.
   *
   * @param hasWaiters whether commands are waiting for the node
   * @throws DRedisError if the node is lost
   */
  beforeServing(node: Node, hasWaiters: boolean): Promise<void>;
  /** Runs when a node replies again after timeouts, on the same connection. Never rejects. */
  invalidateMissed(node: Node): Promise<void>;
}

/** Sends commands to a node, and returns the reply. */
export type Request<T> = (commands: Commands) => Promise<T>;

export interface SendOptions {
  /**
   * Whether the command comes from the store itself and not from a caller. Such a command is sent even if
   * the node is not recovered. It does not affect the node's health, and does not delay `close()`.
   * @default false
   */
  readonly isMaintenance?: boolean;
}

/** Options for maintenance commands. See {@link SendOptions}. */
export const MAINTENANCE: SendOptions = { isMaintenance: true };

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
    this.#connection = makeConnection(source, options.connectTimeoutMs, {
      lost: (cause) => this.#health.lost(this.#failures.unavailable(cause)),
      reconnected: () => void this.#health.revive().catch(noop),
    });
    this.#commands = new Commands(this.#connection.client);
    this.#deadlines = new Deadlines({
      timeoutMs: options.commandTimeoutMs,
      timeoutError: () => this.#failures.timeout(),
    });
    this.#health = new Health({
      maxRetryDelayMs: options.maxRetryDelayMs,
      revive: () => this.#lifecycle.revive(),
      onChange: (change) => {
        if (change.state === 'down') this.#lifecycle.invalidate();
        // The removals are sent before any later command on this connection, so later reads see their effect.
        if (change.state === 'up') hooks.invalidateMissed(this);
        listener(name, change);
      },
    });
    this.#lifecycle = new Lifecycle({
      connection: this.#connection,
      health: this.#health,
      failures: this.#failures,
      beforeServing: (hasWaiters) => hooks.beforeServing(this, hasWaiters),
      probe: () => this.#probe(),
    });
  }

  /** Whether the node is connected, and has been recovered since it was last down. */
  get isRecovered(): boolean {
    return this.#lifecycle.isRecovered;
  }

  /** Whether commands are sent to the node, immediately or once it is open. */
  get isAvailable(): boolean {
    return this.#health.isAvailable || this.#lifecycle.isOpening;
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

  /** Starts opening the node in the background. */
  wake(): void {
    if (this.#closed || !this.#health.isAvailable) return;
    this.#lifecycle.open().catch(noop);
  }

  /**
   * Sends commands and waits at most `commandTimeoutMs` for the replies. Rejects immediately while the node
   * is down.
   *
   * @throws NodeUnavailableError, CommandTimeoutError, or CommandFailedError for an error reply
   */
  run<T>(request: Request<T>, options?: SendOptions): Promise<T> {
    return new Promise((resolve, reject) => this.send(request, resolve, reject, options));
  }

  /** Like {@link Node.run}, but with callbacks, which saves a promise per command. */
  send<T>(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    options?: SendOptions,
  ): void {
    if (this.#closed) {
      reject(this.#failures.closed());
    } else if (options?.isMaintenance) {
      this.#sendMaintenance(request, resolve, reject);
    } else if (!this.isAvailable) {
      reject(this.#failures.unavailable(this.#health.reason));
    } else {
      this.#deadlines.watch(
        this.#lifecycle.isReady ? request(this.#commands) : this.#sendWhenOpen(request),
        (value) => {
          this.#health.answered();
          resolve(value);
        },
        (error) => reject(this.#recordFailure(error)),
      );
    }
  }

  /** Keeps the node open between the commands of a call. @returns a release function; call it once */
  retain(): () => void {
    return this.#deadlines.retain();
  }

  /**
   * Waits at most `disconnectTimeoutMs` for calls in flight, and then closes the node. Idempotent; never
   * rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #sendWhenOpen<T>(request: Request<T>): Promise<T> {
    const startedAt = performance.now();
    return this.#lifecycle.whenOpen(() => {
      // The caller has already got the timeout error, so the command must not be sent.
      if (performance.now() - startedAt >= this.#options.commandTimeoutMs) throw this.#failures.timeout();
      return request(this.#commands);
    });
  }

  #sendMaintenance<T>(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const send = () =>
      this.#deadlines.watch(
        request(this.#commands),
        resolve,
        (error) => reject(this.#failures.translate(error)),
        false,
      );
    this.#lifecycle.connect().then(send).catch(reject);
  }

  async #probe(): Promise<void> {
    if (this.#closing !== undefined) throw this.#failures.closed();
    try {
      await this.run((commands) => commands.probe(), MAINTENANCE);
    } catch (error) {
      // Drops the connection, so that the next probe uses a new one.
      if (error instanceof CommandTimeoutError) this.#connection.drop();
      // An error reply to one command shows that the server works.
      if (!isRefusal(error)) throw error;
    }
  }

  /** Counts a failure for the node's health. @returns the error for the caller */
  #recordFailure(thrown: unknown): DRedisError {
    const error = this.#failures.translate(thrown);
    if (error instanceof CommandTimeoutError) {
      if (this.#health.timedOut(error)) this.#connection.drop();
    } else if (error instanceof CommandFailedError) {
      if (isRefusal(error)) this.#health.answered();
      else this.#health.lost(error);
    } else if (error instanceof NodeUnavailableError) {
      // The replies after a malformed one may belong to other commands.
      if (thrown instanceof MalformedReplyError) this.#connection.drop();
      // If the store dropped the connection itself, the client's error does not have the reason.
      if (!this.#health.isAvailable) return this.#failures.unavailable(this.#health.reason);
      this.#health.lost(error);
    }
    return error;
  }

  async #close(): Promise<void> {
    this.#health.stop();
    const endsAt = performance.now() + this.#options.disconnectTimeoutMs;
    await atMost(this.#options.disconnectTimeoutMs, this.#deadlines.idle());
    this.#closed = true;
    await this.#connection.close(Math.max(0, endsAt - performance.now()));
  }
}

function makeConnection(
  source: ClientSource,
  connectTimeoutMs: number,
  listener: ConnectionListener,
): Connection {
  if (source.kind === 'options')
    return new ManagedConnection(source.clientOptions, connectTimeoutMs, listener);
  const client = source.kind === 'client' ? source.client : source.made;
  return new ExternalConnection(client, source.kind === 'factory', connectTimeoutMs, listener);
}
