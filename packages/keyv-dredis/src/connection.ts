import { createClient, type AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { isReady, type RedisClient } from './redis-client.js';

/** What a connection tells its node. */
export interface ConnectionListener {
  /** Commands can go out (again). */
  up(): void;
  /** Commands cannot go out any more, or an attempt to connect failed. */
  down(cause: unknown): void;
}

/** The connection of one node: it knows whether commands can go out, and mends itself. */
export interface Connection {
  readonly client: RedisClient;
  /** Commands can go out. */
  readonly ready: boolean;
  /** Why commands cannot go out; undefined while they can, and before the first attempt. */
  readonly failure: unknown;
  /** Resolves once commands can go out; rejects when the attempt under way fails. One at a time. */
  connect(): Promise<void>;
  /** The server has gone silent: stop using this connection until the server answers again. */
  distrust(cause: Error): void;
  /** Ends it. Never rejects. @param graceMs how long replies in flight may still come in */
  close(graceMs: number): Promise<void>;
}

const ignore = () => undefined;

/** One client per RESP version that is never connected, but duplicated. */
const templates = new Map<RedisClientOptions['RESP'], ReturnType<typeof createClient>>();

/**
 * createClient() compiles a class of all Redis commands for each new set of options, which takes some
 * 25 ms; a duplicate of a client shares its class, and takes 30 us.
 */
function makeClient(redis: RedisClientOptions): RedisClient {
  if (redis.modules ?? redis.functions ?? redis.scripts) return createClient(redis) as unknown as RedisClient;
  let template = templates.get(redis.RESP);
  if (template === undefined) {
    template = createClient(redis.RESP === undefined ? {} : ({ RESP: redis.RESP } as object));
    templates.set(redis.RESP, template);
  }
  // The registry is what a duplicate would share; these clients speak to servers that share nothing.
  const own = { ...redis, himportRegistry: undefined } as object;
  return template.duplicate(own) as unknown as RedisClient;
}

/** When to try again: after 50 ms at first, twice as long each time, 2 s at most. */
class Backoff {
  static readonly #firstMs = 50;
  static readonly #lastMs = 2000;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  schedule(retry: () => Promise<void>): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(Backoff.#firstMs * 2 ** this.#count, Backoff.#lastMs);
    this.#count += 1;
    // Half of it at random, so that many processes do not knock at one server in step.
    this.#timer = setTimeout(() => retry().catch(ignore), delayMs * (0.5 + Math.random() / 2));
    // Waiting to try again is no reason for a process to live on.
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  reset(): void {
    this.cancel();
    this.#count = 0;
  }
}

/**
 * A connection whose client is ours, and so is the reconnecting: node-redis' own puts no limit on
 * the greeting (HELLO, AUTH), and one server that accepts and never answers would hold it for ever.
 */
export class OwnConnection implements Connection {
  readonly client: RedisClient;
  readonly #connectTimeoutMs: number;
  readonly #listener: ConnectionListener;
  /** Ends a TCP connect under way, which node-redis' destroy() does not reach. */
  readonly #abort = new AbortController();
  #attempt: Promise<void> | undefined;
  #failure: unknown;
  readonly #backoff = new Backoff();
  #closed = false;

  constructor(redis: RedisClientOptions, connectTimeoutMs: number, listener: ConnectionListener) {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    const socket = { ...redis.socket, reconnectStrategy: false, signal: this.#abort.signal };
    const commandOptions = { ...redis.commandOptions, timeout: 0 };
    this.client = makeClient({ ...redis, socket, commandOptions } as RedisClientOptions);
    // What it would tell reaches us through connect() or 'terminated'; unheard, it would be thrown.
    this.client.on('error', ignore);
    this.client.on('terminated', (cause: unknown) => {
      if (this.#attempt === undefined) this.#lost(cause);
    });
  }

  get ready(): boolean {
    return isReady(this.client);
  }

  get failure(): unknown {
    return this.#failure;
  }

  connect(): Promise<void> {
    if (this.ready) return Promise.resolve();
    this.#backoff.cancel();
    this.#attempt ??= this.#open();
    return this.#attempt;
  }

  distrust(cause: Error): void {
    if (!this.ready) return;
    this.client.destroy();
    this.#lost(cause);
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#backoff.cancel();
    if (this.ready) await closeClient(this.client, graceMs);
    this.#abort.abort();
    this.client.destroy();
    await this.#attempt?.catch(ignore);
  }

  async #open(): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.client.destroy();
    }, this.#connectTimeoutMs);
    try {
      await this.client.connect();
      // Destroyed while the TCP connect was under way, node-redis opens all the same.
      if (late || this.#closed) this.client.destroy();
      if (!this.ready) throw new Error('closed while connecting');
      this.#failure = undefined;
      this.#backoff.reset();
      this.#listener.up();
    } catch (error) {
      const cause = late ? noGreeting(this.#connectTimeoutMs) : error;
      this.#lost(cause);
      throw cause;
    } finally {
      clearTimeout(timer);
      this.#attempt = undefined;
    }
  }

  #lost(cause: unknown): void {
    if (this.#closed) return;
    this.#failure = cause;
    this.#backoff.schedule(() => this.connect());
    this.#listener.down(cause);
  }
}

/**
 * A connection over a client that somebody else configured, with its own reconnecting: we listen,
 * and open it where nobody has.
 */
export class ForeignConnection implements Connection {
  readonly client: RedisClient;
  readonly #ping: () => Promise<unknown>;
  readonly #listener: ConnectionListener;
  readonly #closesClient: boolean;
  readonly #connectTimeoutMs: number;
  #attempt: Promise<void> | undefined;
  #failure: unknown;
  readonly #backoff = new Backoff();
  /** The server has gone silent on an open connection, which only its answer or a new one ends. */
  #distrusted = false;
  #closed = false;
  /** Ends the attempt under way. */
  #giveUp: (cause: Error) => void = ignore;
  /** The client's own attempt, which may go on for longer than ours. */
  #opening: Promise<unknown> | undefined;

  /**
   * @param closesClient the client is ours to close (a factory of the caller's made it for us)
   * @param ping asks the server for a sign of life
   */
  constructor(
    client: RedisClient,
    closesClient: boolean,
    ping: () => Promise<unknown>,
    connectTimeoutMs: number,
    listener: ConnectionListener,
  ) {
    this.client = client;
    this.#closesClient = closesClient;
    this.#ping = ping;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    client.on('ready', this.#onReady);
    client.on('error', this.#onError);
  }

  get ready(): boolean {
    return !this.#distrusted && isReady(this.client);
  }

  get failure(): unknown {
    return this.#failure;
  }

  connect(): Promise<void> {
    if (this.ready) return Promise.resolve();
    this.#attempt ??= this.#open().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  distrust(cause: Error): void {
    if (!this.ready) return;
    this.#distrusted = true;
    this.#failure = cause;
    this.#listener.down(cause);
    this.#probe();
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#backoff.cancel();
    this.#giveUp(new Error('closed while connecting'));
    await this.#attempt?.catch(ignore);
    this.client.off('ready', this.#onReady);
    if (!this.#closesClient) {
      this.client.off('error', this.#onError);
      return;
    }
    if (this.ready) await closeClient(this.client, graceMs);
    if (this.client.isOpen) await this.client.destroy();
    // Destroyed while the TCP connect was under way, node-redis opens all the same.
    this.#opening?.then(() => this.client.destroy(), ignore);
  }

  /** Asks for a sign of life until there is one. */
  async #probe(): Promise<void> {
    try {
      await this.#ping();
      this.#onReady();
    } catch {
      if (!this.#distrusted || this.#closed) return;
      this.#backoff.schedule(() => (this.client.isOpen ? this.#probe() : this.connect()));
    }
  }

  /** Settles with the first sign: the client may go on trying for ever without rejecting. */
  async #open(): Promise<void> {
    let stopListening = ignore;
    const firstSign = new Promise<void>((resolve, reject) => {
      const onReady = () => resolve();
      const onError = (error: unknown) => reject(error);
      const timer = setTimeout(() => reject(noGreeting(this.#connectTimeoutMs)), this.#connectTimeoutMs);
      this.#giveUp = reject;
      this.client.on('ready', onReady);
      this.client.on('error', onError);
      stopListening = () => {
        clearTimeout(timer);
        this.client.off('ready', onReady);
        this.client.off('error', onError);
        return undefined;
      };
    });
    try {
      await Promise.race([firstSign, this.client.isOpen ? firstSign : this.#openClient()]);
      this.#onReady();
    } catch (error) {
      this.#onError(error);
      throw error;
    } finally {
      stopListening();
    }
  }

  #openClient(): Promise<unknown> {
    const opening = this.client.connect();
    this.#opening = opening;
    opening.catch((error) => {
      // It rejected after we had given up: that it tries no more is news.
      if (this.#attempt === undefined) this.#onError(error);
    });
    return opening;
  }

  readonly #onReady = (): void => {
    if (this.#closed || !isReady(this.client)) return;
    this.#distrusted = false;
    this.#failure = undefined;
    this.#backoff.reset();
    this.#listener.up();
  };

  readonly #onError = (error: unknown): void => {
    if (this.#closed || isReady(this.client)) return;
    this.#failure = error;
    // Its own reconnecting has given up, or was switched off.
    if (!this.client.isOpen) this.#backoff.schedule(() => this.connect());
    this.#listener.down(error);
  };
}

function noGreeting(timeoutMs: number): Error {
  return new Error(`no greeting within ${timeoutMs} ms (connectTimeoutMs)`);
}

/** Lets replies in flight come in, also those of commands that the user sent through the client. */
async function closeClient(client: RedisClient, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  try {
    await Promise.race([client.close(), grace]);
  } catch {
    // Closing is all that is left to do: whatever ended the connection first did it for us.
  } finally {
    clearTimeout(timer);
  }
}
