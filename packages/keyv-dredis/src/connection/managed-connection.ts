import { createClient, type AnyRedisClientOptions as RedisClientOptions } from 'redis';
import {
  type Connection,
  type ConnectionListener,
  closeClient,
  hungUp,
  ignore,
  isHangUp,
  noGreeting,
  noHandshake,
  notRedis,
  unreadable,
} from './connection.js';
import { isErrorReply, isReady, type RedisClient } from './redis-client.js';

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

type Listening = Parameters<AbortSignal['addEventListener']>;

/** A signal that can forget who listens: each socket does, and one that has closed goes on, kept for good. */
class ForgetfulSignal {
  readonly #controller = new AbortController();
  #listeners: Listening[1][] = [];

  constructor() {
    const listen = this.signal.addEventListener.bind(this.signal);
    this.signal.addEventListener = (...listening: Listening) => {
      this.#listeners.push(listening[1]);
      listen(...listening);
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort();
  }

  forget(): void {
    for (const listener of this.#listeners.splice(0)) this.signal.removeEventListener('abort', listener);
  }
}

/**
 * A connection whose client is ours, and so is the reconnecting: node-redis' own puts no limit on
 * the greeting (HELLO, AUTH), and one server that accepts and never answers would hold it for ever.
 */
export class OwnConnection implements Connection {
  readonly client: RedisClient;
  readonly #connectTimeoutMs: number;
  readonly #tls: boolean;
  readonly #listener: ConnectionListener;
  /** Ends a TCP connect under way, which node-redis' destroy() does not reach. */
  readonly #abort = new ForgetfulSignal();
  #attempt: Promise<void> | undefined;
  /** Why the attempt under way was given up, by us. */
  #givenUp: Error | undefined;
  /** The attempt under way has come to the greeting: TCP and TLS are up. */
  #greeting = false;
  #closed = false;

  constructor(redis: RedisClientOptions, connectTimeoutMs: number, listener: ConnectionListener) {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    const socket = { ...redis.socket, reconnectStrategy: false, signal: this.#abort.signal };
    this.#tls = 'tls' in socket;
    const commandOptions = { ...redis.commandOptions, timeout: 0 };
    this.client = makeClient({ ...redis, socket, commandOptions } as RedisClientOptions);
    this.client.on('connect', () => {
      this.#greeting = true;
    });
    this.client.on('error', this.#onError);
    this.client.on('terminated', (cause: unknown) => {
      if (this.#attempt === undefined) this.#lost(cause);
    });
  }

  get ready(): boolean {
    return isReady(this.client);
  }

  connect(): Promise<void> {
    if (this.ready) return Promise.resolve();
    this.#attempt ??= this.#open();
    return this.#attempt;
  }

  distrust(): void {
    if (this.ready) this.client.destroy();
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.ready) await closeClient(this.client, graceMs);
    this.#abort.abort();
    this.client.destroy();
    await this.#attempt?.catch(ignore);
  }

  async #open(): Promise<void> {
    this.#greeting = false;
    // The socket of the attempt before has closed.
    this.#abort.forget();
    const timer = setTimeout(() => this.#giveUp(this.#tooLate()), this.#connectTimeoutMs);
    try {
      await this.client.connect();
      // Destroyed while the TCP connect was under way, node-redis opens all the same.
      if (this.#givenUp !== undefined || this.#closed) this.client.destroy();
      if (!this.ready) throw new Error('closed while connecting');
    } catch (error) {
      throw this.#givenUp ?? (isHangUp(error) ? hungUp(error, this.#tls) : error);
    } finally {
      clearTimeout(timer);
      this.#givenUp = undefined;
      this.#attempt = undefined;
    }
  }

  #giveUp(cause: Error): void {
    this.#givenUp ??= cause;
    this.client.destroy();
  }

  #tooLate(): Error {
    const missing = this.#tls && !this.#greeting ? noHandshake : noGreeting;
    return missing(this.#connectTimeoutMs);
  }

  /**
   * A client that has lost its connection says so to connect() or by 'terminated' as well. One that has not
   * could not read a reply: it drops what has come in and reads on, so that every later reply would go to
   * the wrong caller.
   */
  readonly #onError = (error: unknown): void => {
    const connected = this.client.isOpen || this.ready;
    if (!connected || isErrorReply(error)) return;
    if (this.#attempt !== undefined) {
      this.#giveUp(notRedis(error));
    } else {
      this.distrust();
      this.#lost(unreadable(error));
    }
  };

  #lost(cause: unknown): void {
    if (!this.#closed) this.#listener.lost(cause);
  }
}
