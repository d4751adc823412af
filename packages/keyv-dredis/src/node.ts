import { performance } from 'node:perf_hooks';
import { Commands } from './commands.js';
import type { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  NodeUnavailableError,
  withoutSecrets,
} from './errors.js';
import { ForeignConnection } from './foreign-connection.js';
import type { NodeDescription } from './locations.js';
import { OwnConnection } from './own-connection.js';
import { isErrorReply, type RedisClient } from './redis-client.js';

export interface NodeOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly disconnectTimeoutMs: number;
}

/** What a node tells of its changes of state. */
export interface NodeListener {
  /** The node cannot be reached any more, or could not be at the first attempt. */
  nodeDown(node: string, error: NodeUnavailableError): void;
  /** The node can be reached again. Not called for a first connection that succeeds at once. */
  nodeUp(node: string): void;
}

/** One Redis server behind one client: sends commands, keeps their deadline, fails fast. */
export class Node {
  readonly name: string;
  readonly #options: NodeOptions;
  readonly #listener: NodeListener;
  readonly #secrets: readonly string[];
  readonly #connection: Connection;
  readonly #commands: Commands;
  readonly #deadlines: Deadlines;
  #down = false;
  /** The connection that commands wait for, and how many do. */
  #opening: Promise<void> | undefined;
  #waitingCount = 0;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(description: NodeDescription, options: NodeOptions, listener: NodeListener) {
    this.name = description.name;
    this.#options = options;
    this.#listener = listener;
    this.#secrets = description.secrets;
    this.#connection = this.#connectionFor(description);
    this.#commands = new Commands(this.#connection.client);
    this.#deadlines = new Deadlines({
      timeoutMs: options.commandTimeoutMs,
      timeoutError: () => this.#timeoutError(),
      onSilence: () => this.#connection.distrust(this.#timeoutError()),
    });
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
    try {
      await this.#connection.connect();
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** Opens the connection in the background where nothing has yet. */
  wake(): void {
    if (this.#closed || this.#connection.ready || this.#connection.failure !== undefined) return;
    this.#connection.connect().catch(() => undefined);
  }

  /**
   * Sends commands and waits for their replies, `commandTimeoutMs` at most. A node that is known to
   * be down fails at once.
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
    const { ready, failure } = this.#connection;
    if (this.#closed) {
      reject(this.#closedError());
    } else if (!ready && failure !== undefined) {
      reject(this.#unavailable(failure));
    } else {
      // What waits for the connection goes first.
      const sent = ready && this.#waitingCount === 0 ? send(this.#commands) : this.#connectThenSend(send);
      this.#deadlines.watch(sent, resolve, (error) => reject(this.#translate(error)));
    }
  }

  async #connectThenSend<T>(send: (commands: Commands) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#waitingCount += 1;
    this.#opening ??= this.connect();
    try {
      await this.#opening;
    } finally {
      this.#waitingCount -= 1;
      if (this.#waitingCount === 0) this.#opening = undefined;
    }
    // The caller was told that it failed: it must not happen after all.
    if (performance.now() - startedAt >= this.#options.commandTimeoutMs) throw this.#timeoutError();
    return send(this.#commands);
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
      up: () => {
        if (!this.#down) return;
        this.#down = false;
        this.#listener.nodeUp(this.name);
      },
      down: (cause: unknown) => {
        if (this.#down) return;
        this.#down = true;
        this.#listener.nodeDown(this.name, this.#unavailable(cause));
      },
    };
    if (source.kind === 'options') {
      return new OwnConnection(source.redis, this.#options.connectTimeoutMs, listener);
    }
    const client = source.kind === 'client' ? source.client : source.made;
    const ping = () => this.#commands.ping();
    const { connectTimeoutMs } = this.#options;
    return new ForeignConnection(client, source.kind === 'factory', ping, connectTimeoutMs, listener);
  }

  readonly #translate = (error: unknown): unknown => {
    if (error instanceof DRedisError) return error;
    if (isErrorReply(error)) return new CommandFailedError(this.name, withoutSecrets(error, this.#secrets));
    // Of a connection that we ended ourselves, the client only says that it was ended.
    return this.#unavailable(this.#connection.failure ?? error);
  };

  #timeoutError(): CommandTimeoutError {
    return new CommandTimeoutError(this.name, this.#options.commandTimeoutMs);
  }

  #unavailable(cause: unknown): NodeUnavailableError {
    return new NodeUnavailableError(this.name, withoutSecrets(cause, this.#secrets));
  }

  #closedError(): DRedisError {
    return new DRedisError('DREDIS_CLOSED', `Node ${this.name} is closed`, { node: this.name });
  }
}
