import { performance } from 'node:perf_hooks';
import type { NodeDescription } from '../config/locations.js';
import { atMost, type Connection, ignore } from '../connection/connection.js';
import { ForeignConnection } from '../connection/external-connection.js';
import { OwnConnection } from '../connection/managed-connection.js';
import { isErrorReply, type RedisClient } from '../connection/redis-client.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  NodeUnavailableError,
  withoutSecrets,
} from '../errors/errors.js';
import { Commands } from './commands.js';
import { Deadlines } from './deadlines.js';
import { Health, type NodeChange, type NodeStatus } from './health.js';

export interface NodeOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly disconnectTimeoutMs: number;
}

/** Told of each change of a node's state. */
export type NodeListener = (node: string, change: NodeChange) => void;

/** Makes good what nodes have missed. */
export interface NodeKeeper {
  /**
   * Before commands go out to a node: for the first time, or again.
   *
   * @param waitedFor commands wait for it meanwhile
   * @throws DRedisError when the node is lost
   */
  admit(node: Node, waitedFor: boolean): Promise<void>;
  /** When a node answers again after a timeout. Never rejects. */
  catchUp(node: Node): Promise<void>;
}

/** One Redis server behind one client: sends commands, keeps their deadline, fails fast. */
export class Node {
  readonly name: string;
  /** It is one connection, and nobody else sends anything on it. */
  readonly hasOwnConnection: boolean;
  readonly #options: NodeOptions;
  readonly #keeper: NodeKeeper;
  readonly #secrets: readonly string[];
  readonly #connection: Connection;
  readonly #commands: Commands;
  readonly #deadlines: Deadlines;
  /** Those of our own errands, which nobody waits for who closes the node. */
  readonly #errandDeadlines: Deadlines;
  readonly #health: Health;
  #admitted = false;
  /** What commands wait for, and how many do. */
  #opening: Promise<void> | undefined;
  #waitingCount = 0;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(
    description: NodeDescription,
    options: NodeOptions,
    listener: NodeListener,
    keeper: NodeKeeper,
  ) {
    this.name = description.name;
    this.hasOwnConnection = description.source.kind === 'options';
    this.#options = options;
    this.#keeper = keeper;
    this.#secrets = description.secrets;
    this.#connection = this.#connectionFor(description);
    this.#commands = new Commands(this.#connection.client);
    const deadline = {
      timeoutMs: options.commandTimeoutMs,
      timeoutError: () => new CommandTimeoutError(this.name, options.commandTimeoutMs),
    };
    this.#deadlines = new Deadlines(deadline);
    this.#errandDeadlines = new Deadlines(deadline);
    this.#health = new Health({
      revive: () => this.#revive(),
      onChange: (change) => {
        if (change.state === 'down') this.#admitted = false;
        // At once: what is sent from now on comes after it.
        if (change.state === 'up') keeper.catchUp(this);
        listener(this.name, change);
      },
    });
  }

  /** It is connected, and all that it had missed is made good. */
  get admitted(): boolean {
    return this.#admitted;
  }

  /** Whether commands go out to it, at once or in a moment. */
  get serves(): boolean {
    return this.#health.serves || this.#opening !== undefined;
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
    if (this.#health.serves) await this.#opened();
    else await this.#health.revive();
  }

  /** Opens the connection in the background where nothing has yet. */
  wake(): void {
    if (this.#closed || !this.#health.serves) return;
    this.#opened().catch(ignore);
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
    } else if (!this.serves) {
      reject(this.#unavailable(this.#health.reason));
    } else {
      // What waits for the connection goes first.
      const goes = this.#admitted && this.#connection.ready && this.#waitingCount === 0;
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
    try {
      await this.#opened();
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

  /**
   * Sends commands on an errand of our own, also to a node that is not admitted: connects it first where it
   * is not, and counts neither for nor against it. Errors are those of {@link Node.run}.
   */
  async reach<T>(send: (commands: Commands) => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#closedError();
    await this.#connect();
    return new Promise((resolve, reject) => {
      const sent = send(this.#commands);
      this.#errandDeadlines.watch(sent, resolve, (error) => reject(this.#translate(error)));
    });
  }

  /** Connected and admitted: one attempt at a time, and the same for all who wait for it. */
  #opened(): Promise<void> {
    if (this.#admitted && this.#connection.ready) return Promise.resolve();
    if (this.#opening === undefined) {
      const done = () => {
        if (this.#waitingCount === 0) this.#opening = undefined;
      };
      this.#opening = this.#open();
      this.#opening.then(done, done);
    }
    return this.#opening;
  }

  async #open(): Promise<void> {
    await this.#connect();
    try {
      await this.#keeper.admit(this, true);
    } catch (error) {
      this.#health.lost(error as DRedisError);
      throw error;
    }
    if (this.#health.state === 'down') throw this.#unavailable(this.#health.reason);
    this.#admitted = true;
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

  /** Brings back a node that is down: two signs of life in a row, what it has missed, and it serves. */
  async #revive(): Promise<void> {
    await this.#probe();
    this.#health.returning();
    await this.#probe();
    await this.#keeper.admit(this, false);
    // What it goes on missing meanwhile may have no end: the rest is made good while commands wait.
    await this.#opened();
    this.#health.up();
  }

  /** Asks for a sign of life, of a new connection where the old one is gone. */
  async #probe(): Promise<void> {
    if (this.#closing !== undefined) throw this.#closedError();
    try {
      await this.reach((commands) => commands.probe());
    } catch (error) {
      // The next one goes over a new connection.
      if (error instanceof CommandTimeoutError) this.#connection.distrust();
      // Whatever else a server answers, it does answer.
      if (!(error instanceof CommandFailedError) || cannotServe(error)) throw error;
    }
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
    await atMost(this.#options.disconnectTimeoutMs, this.#deadlines.idle());
    this.#closed = true;
    await this.#connection.close(Math.max(0, endsAt - performance.now()));
  }

  #connectionFor({ source }: NodeDescription): Connection {
    const listener = {
      lost: (cause: unknown) => this.#health.lost(this.#unavailable(cause)),
      mended: () => void this.#health.revive().catch(ignore),
    };
    const { connectTimeoutMs } = this.#options;
    if (source.kind === 'options') return new OwnConnection(source.clientOptions, connectTimeoutMs, listener);
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
