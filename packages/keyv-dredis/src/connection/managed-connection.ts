import { createClient, type AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { hungUp, isHangUp, noGreeting, noHandshake, notRedis, unreadable } from './connect-errors.js';
import { type Connection, type ConnectionListener, closeClient, noop } from './connection.js';
import { isErrorReply, isReady, type RedisClient } from './redis-client.js';

/** One client per RESP version that is never connected, only duplicated. */
const templates = new Map<RedisClientOptions['RESP'], ReturnType<typeof createClient>>();

/**
 * createClient() compiles a class of all Redis commands for each new set of options, which takes about
 * 25 ms. A duplicate of a client shares its class, and takes 30 us.
 */
function makeClient(options: RedisClientOptions): RedisClient {
  const { modules, functions, scripts, RESP } = options;
  if (modules ?? functions ?? scripts) return createClient(options) as unknown as RedisClient;
  let template = templates.get(RESP);
  if (template === undefined) {
    template = createClient(RESP === undefined ? {} : ({ RESP } as object));
    templates.set(RESP, template);
  }
  // A duplicate would share this registry, but the servers of these clients share nothing.
  const own = { ...options, himportRegistry: undefined } as object;
  return template.duplicate(own) as unknown as RedisClient;
}

type Listening = Parameters<AbortSignal['addEventListener']>;

/** An abort signal that can remove its listeners: each socket adds one and keeps it after it has closed. */
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
 * A connection over a client of the store, which also reconnects it. node-redis' own reconnecting has no
 * limit for the greeting (HELLO, AUTH): a server that accepts and never replies would block it for ever.
 */
export class ManagedConnection implements Connection {
  readonly client: RedisClient;
  readonly #connectTimeoutMs: number;
  readonly #tls: boolean;
  readonly #listener: ConnectionListener;
  /** Ends a TCP connect, which node-redis' destroy() does not. */
  readonly #abort = new ForgetfulSignal();
  #attempt: Promise<void> | undefined;
  /** Why the store gave up the current attempt. */
  #givenUp: Error | undefined;
  /** The current attempt has reached the greeting: TCP and TLS are up. */
  #greeting = false;
  #closed = false;

  constructor(options: RedisClientOptions, connectTimeoutMs: number, listener: ConnectionListener) {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    const socket = { ...options.socket, reconnectStrategy: false, signal: this.#abort.signal };
    this.#tls = 'tls' in socket;
    const commandOptions = { ...options.commandOptions, timeout: 0 };
    this.client = makeClient({ ...options, socket, commandOptions } as RedisClientOptions);
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

  drop(): void {
    if (this.ready) this.client.destroy();
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.ready) await closeClient(this.client, graceMs);
    this.#abort.abort();
    this.client.destroy();
    await this.#attempt?.catch(noop);
  }

  async #open(): Promise<void> {
    this.#greeting = false;
    // The socket of the previous attempt has closed.
    this.#abort.forget();
    const timer = setTimeout(() => this.#giveUp(this.#tooLate()), this.#connectTimeoutMs);
    try {
      await this.client.connect();
      // node-redis opens the socket even if it is destroyed during the TCP connect.
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
   * A lost connection also rejects connect() or emits 'terminated', so it needs nothing here. An error while
   * connected means that a reply could not be parsed: node-redis skips it and reads on, and every later
   * reply would go to the wrong caller.
   */
  readonly #onError = (error: unknown): void => {
    const connected = this.client.isOpen || this.ready;
    if (!connected || isErrorReply(error)) return;
    if (this.#attempt !== undefined) {
      this.#giveUp(notRedis(error));
    } else {
      this.drop();
      this.#lost(unreadable(error));
    }
  };

  #lost(cause: unknown): void {
    if (!this.#closed) this.#listener.lost(cause);
  }
}
