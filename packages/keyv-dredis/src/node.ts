import { performance } from 'node:perf_hooks';
import { Commands } from './commands.js';
import { type Connection, ignore } from './connection.js';
import { Deadlines } from './deadlines.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  NodeUnavailableError,
  withoutSecrets,
} from './errors.js';
import { ForeignConnection } from './foreign-connection.js';
import { Health, type NodeChange, type NodeStatus } from './health.js';
import type { NodeDescription } from './locations.js';
import { OwnConnection } from './own-connection.js';
import { isErrorReply, type RedisClient } from './redis-client.js';

export interface NodeOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly disconnectTimeoutMs: number;
}

/** Told of each change of a node's state. */
export type NodeListener = (node: string, change: NodeChange) => void;

/** One Redis server behind one client: sends commands, keeps their deadline, fails fast. */
export class Node {
  readonly name: string;
  readonly #options: NodeOptions;
  readonly #secrets: readonly string[];
  readonly #connection: Connection;
  readonly #commands: Commands;
  readonly #deadlines: Deadlines;
  /** Those of probes, which nobody waits for who closes the node. */
  readonly #probeDeadlines: Deadlines;
  readonly #health: Health;
  /** The connection that commands wait for, and how many do. */
  #opening: Promise<void> | undefined;
  #waitingCount = 0;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(description: NodeDescription, options: NodeOptions, listener: NodeListener) {
    this.name = description.name;
    this.#options = options;
    this.#secrets = description.secrets;
    this.#connection = this.#connectionFor(description);
    this.#commands = new Commands(this.#connection.client);
    const deadline = {
      timeoutMs: options.commandTimeoutMs,
      timeoutError: () => new CommandTimeoutError(this.name, options.commandTimeoutMs),
    };
    this.#deadlines = new Deadlines(deadline);
    this.#probeDeadlines = new Deadlines(deadline);
    this.#health = new Health({
      revive: () => this.#revive(),
      onChange: (change) => listener(this.name, change),
    });
  }

  get status(): NodeStatus {
    const { state, durationMs, reason } = this.#health;
    return { name: this.name, state, durationMs, reason };
  }

  get client(): RedisClient {
    return this.#connection.client;
  }

  /**
   * Connects now rather than with the first command.
   *
   * @throws NodeUnavailableError when the attempt fails; the node goes on trying in the background
   */
  async connect(): Promise<void> {
    if (this.#closed) throw this.#closedError();
    if (this.#health.serves) await this.#connect();
    else await this.#health.revive();
  }

  /** Opens the connection in the background where nothing has yet. */
  wake(): void {
    if (this.#closed || this.#connection.ready || !this.#health.serves) return;
    this.#connect().catch(ignore);
  }

  /**
   * Sends commands and waits for their replies, `commandTimeoutMs` at most. A node that is down fails
   * at once.
   *
   * @throws NodeUnavailableError
   * @throws CommandTimeoutError
   * @throws CommandFailedError the server's own error
   */
  run<T>(send: (commands: Commands) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => this.send(send, resolve, reject));
  }

  /** The same as {@link Node.run}, with callbacks: no promise of our own. */
  send<T>(
    send: (commands: Commands) => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    if (this.#closed) {
      reject(this.#closedError());
    } else if (!this.#health.serves) {
      reject(this.#unavailable(this.#health.reason));
    } else {
      // What waits for the connection goes first.
      const goes = this.#connection.ready && this.#waitingCount === 0;
      this.#deadlines.watch(
        goes ? send(this.#commands) : this.#connectThenSend(send),
        (value) => {
          this.#health.answered();
          resolve(value);
        },
        (error) => reject(this.#judge(error)),
      );
    }
  }

  async #connectThenSend<T>(send: (commands: Commands) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#waitingCount += 1;
    this.#opening ??= this.#connect();
    try {
      await this.#opening;
    } finally {
      this.#waitingCount -= 1;
      if (this.#waitingCount === 0) this.#opening = undefined;
    }
    // The caller was told that it failed: it must not happen after all.
    if (performance.now() - startedAt >= this.#options.commandTimeoutMs) {
      throw new CommandTimeoutError(this.name, this.#options.commandTimeoutMs);
    }
    return send(this.#commands);
  }

  async #connect(): Promise<void> {
    try {
      await this.#connection.connect();
    } catch (error) {
      const reason = this.#unavailable(error);
      this.#health.lost(reason);
      throw reason;
    }
  }

  /** Brings back a node that is down: two signs of life in a row, and it serves. */
  async #revive(): Promise<void> {
    await this.#probe();
    this.#health.returning();
    await this.#probe();
    this.#health.up();
  }

  /** Asks for a sign of life, of a new connection where the old one is gone. */
  async #probe(): Promise<void> {
    if (this.#closing !== undefined) throw this.#closedError();
    await this.#connect();
    const sign = this.#commands.probe();
    await new Promise((resolve, reject) => {
      this.#probeDeadlines.watch(sign, resolve, (error) => {
        const judged = this.#translate(error);
        // The next one goes over a new connection.
        if (judged instanceof CommandTimeoutError) this.#connection.distrust();
        // Whatever else a server answers, it does answer.
        if (judged instanceof CommandFailedError && !cannotServe(judged)) resolve(undefined);
        else reject(judged);
      });
    });
  }

  /** Keeps the node open between the steps of a call. @returns how to end it, once */
  hold(): () => void {
    return this.#deadlines.hold();
  }

  /**
   * Lets what is under way end, calls of several steps included, for `disconnectTimeoutMs` at most, and
   * closes. Idempotent; never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#health.stop();
    const endsAt = performance.now() + this.#options.disconnectTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.disconnectTimeoutMs);
    });
    await Promise.race([this.#deadlines.idle(), grace]);
    clearTimeout(timer);
    this.#closed = true;
    await this.#connection.close(Math.max(0, endsAt - performance.now()));
  }

  #connectionFor({ source }: NodeDescription): Connection {
    const listener = {
      lost: (cause: unknown) => this.#health.lost(this.#unavailable(cause)),
      mended: () => void this.#health.revive().catch(ignore),
    };
    const { connectTimeoutMs } = this.#options;
    if (source.kind === 'options') return new OwnConnection(source.redis, connectTimeoutMs, listener);
    const client = source.kind === 'client' ? source.client : source.made;
    return new ForeignConnection(client, source.kind === 'factory', connectTimeoutMs, listener);
  }

  /** The error for the caller of a failed command, after it was counted. */
  readonly #judge = (error: unknown): unknown => {
    const judged = this.#translate(error);
    if (judged instanceof CommandTimeoutError) {
      if (this.#health.timedOut(judged)) this.#connection.distrust();
    } else if (judged instanceof CommandFailedError) {
      if (cannotServe(judged)) this.#health.lost(judged);
      else this.#health.answered();
    } else if (judged instanceof NodeUnavailableError) {
      // Of a connection that we ended ourselves, the client only says that it was ended.
      if (!this.#health.serves) return this.#unavailable(this.#health.reason);
      this.#health.lost(judged);
    }
    return judged;
  };

  readonly #translate = (error: unknown): unknown => {
    if (error instanceof DRedisError) return error;
    if (isErrorReply(error)) return new CommandFailedError(this.name, withoutSecrets(error, this.#secrets));
    return this.#unavailable(error);
  };

  #unavailable(cause: unknown): NodeUnavailableError {
    if (cause instanceof NodeUnavailableError) return cause;
    return new NodeUnavailableError(this.name, withoutSecrets(cause, this.#secrets));
  }

  #closedError(): DRedisError {
    return new DRedisError('DREDIS_CLOSED', `Node ${this.name} is closed`, { node: this.name });
  }
}

/** What a server says that answers PING and yet cannot do its work, or not yet. */
const CANNOT_SERVE = /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|OOM) /;

function cannotServe({ cause }: CommandFailedError): boolean {
  return cause instanceof Error && CANNOT_SERVE.test(cause.message);
}
