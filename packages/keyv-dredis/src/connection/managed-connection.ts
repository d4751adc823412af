import { createClient, type AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { hungUp, isHangUp, noGreeting, noHandshake, notRedis, unreadable } from './connect-errors.js';
import { type Connection, type ConnectionListener, closeClient, noop } from './connection.js';
import { isErrorReply, isReady, type RedisClient } from './redis-client.js';

/** One client per RESP version. These clients are never connected, only duplicated. */
const templates = new Map<RedisClientOptions['RESP'], ReturnType<typeof createClient>>();

/**
 * For each new set of options, createClient() compiles a class with all Redis commands. This takes about 25
 * ms. A duplicate shares the class of the original client, so making a duplicate takes only 30 us.
 */
function makeClient(options: RedisClientOptions): RedisClient {
  const { modules, functions, scripts, RESP } = options;
  if (modules ?? functions ?? scripts) return createClient(options) as unknown as RedisClient;
  let template = templates.get(RESP);
  if (template === undefined) {
    template = createClient(RESP === undefined ? {} : ({ RESP } as object));
    templates.set(RESP, template);
  }
  // Leave out this registry. Otherwise, all duplicates would share it, although they connect to unrelated
  // servers.
  const own = { ...options, himportRegistry: undefined } as object;
  return template.duplicate(own) as unknown as RedisClient;
}

type Listening = Parameters<AbortSignal['addEventListener']>;

/**
 * An abort signal that can remove its listeners. This is necessary because each socket adds a listener, and
 * does not remove it when the socket closes.
 */
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
 * A connection through a client that the store created. The store reconnects the client itself, because
 * node-redis has no time limit for the greeting (HELLO, AUTH). With node-redis, a server that accepts
 * connections but never replies would block the client forever.
 */
export class ManagedConnection implements Connection {
  readonly client: RedisClient;
  readonly #connectTimeoutMs: number;
  readonly #tls: boolean;
  readonly #listener: ConnectionListener;
  /** Aborts a TCP connect, because node-redis' destroy() does not abort it. */
  readonly #abort = new ForgetfulSignal();
  #attempt: Promise<void> | undefined;
  /** Why the store gave up on the current attempt. */
  #givenUp: Error | undefined;
  /** TCP and TLS are connected, and the current attempt is waiting for the greeting. */
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
    // The previous attempt's socket has closed, so its listener is not needed.
    this.#abort.forget();
    const timer = setTimeout(() => this.#giveUp(this.#tooLate()), this.#connectTimeoutMs);
    try {
      await this.client.connect();
      // If a client is destroyed during the TCP connect, node-redis still opens the socket. So destroy the
      // client again.
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
   * A lost connection needs no handling here, because it also rejects connect() or emits 'terminated'.
   * If the client is open, an error means that a reply could not be parsed. node-redis skips that reply and
   * keeps reading, so every later reply would go to the wrong caller. Therefore the connection is closed.
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
