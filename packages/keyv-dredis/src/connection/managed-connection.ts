import { createClient, type AnyRedisClientOptions as RedisClientOptions } from 'redis';
import { timers } from '../timers.js';
import { type Address, hostResolver, nameOf } from './address.js';
import { hungUp, isHangUp, noGreeting, noHandshake, notRedis, unreadable } from './connect-errors.js';
import { type Connection, type ConnectionListener, closeClient, noop } from './connection.js';
import { isErrorReply, isReady, type RedisClient } from './redis-client.js';
import { SocketProgress } from './socket-progress.js';

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

/** Whether the store may use CLIENT TRACKING: it needs RESP 3, and the user's options do not use it. */
function mayTrack(options: RedisClientOptions): boolean {
  const {
    RESP = 3,
    clientSideCache,
    emitInvalidate,
  } = options as RedisClientOptions & {
    readonly clientSideCache?: unknown;
    readonly emitInvalidate?: boolean;
  };
  return RESP === 3 && !clientSideCache && !emitInvalidate;
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
  readonly server: string;
  readonly isReplaceable = true;
  readonly resolveHost: Connection['resolveHost'];
  readonly tellsInvalidations: boolean;
  readonly #connectTimeoutMs: number;
  readonly #tls: boolean;
  readonly #listener: ConnectionListener;
  /** Aborts a TCP connect, because node-redis' destroy() does not abort it. */
  readonly #abort = new ForgetfulSignal();
  readonly #progress: SocketProgress;
  #attempt: Promise<void> | undefined;
  /** Why the store gave up on the current attempt. */
  #givenUp: Error | undefined;
  /** TCP and TLS are connected, and the current attempt is waiting for the greeting. */
  #greeting = false;
  #closed = false;

  /** @param quietMs see {@link Connection.isMoving} */
  constructor(
    options: RedisClientOptions,
    connectTimeoutMs: number,
    quietMs: number,
    listener: ConnectionListener,
  ) {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    const socket = { ...options.socket, reconnectStrategy: false, signal: this.#abort.signal };
    this.#tls = 'tls' in socket;
    const address = socket as Address;
    // TLS belongs to the key, because a server accepts either TLS or plain connections.
    this.server = `${this.#tls ? 'tls ' : ''}${nameOf(address)}`;
    this.resolveHost = hostResolver(address);
    // node-redis merges these with the options of each command. Only if both have the same keys, in the same order, the
    // result is an object that V8 handles fast. Otherwise, each command takes about twice as long.
    const commandOptions = { ...options.commandOptions, timeout: 0 };
    commandOptions.typeMapping ??= {};
    this.tellsInvalidations = mayTrack(options);
    const emitInvalidate = this.tellsInvalidations ? true : undefined;
    this.client = makeClient({
      ...options,
      ...(emitInvalidate && { emitInvalidate }),
      socket,
      commandOptions,
    } as RedisClientOptions);
    if (emitInvalidate) this.#listenToInvalidations();
    // With socketTimeout, node-redis closes a socket that is idle for that time.
    this.#progress = new SocketProgress(quietMs, !('socketTimeout' in socket));
    this.client.on('connect', () => {
      this.#progress.start();
      this.#greeting = true;
    });
    this.client.on('error', this.#onError);
    this.client.on('terminated', (cause: unknown) => {
      // The client can connect again only after it has handled the loss.
      if (this.#attempt === undefined) timers.queueMicrotask(() => this.#lost(cause));
    });
  }

  get ready(): boolean {
    return isReady(this.client);
  }

  get isMoving(): boolean {
    return this.#progress.isMoving;
  }

  connect(): Promise<void> {
    if (this.#attempt !== undefined) return this.#attempt;
    if (this.ready) return Promise.resolve();
    this.#attempt = this.#open();
    return this.#attempt;
  }

  replace(graceMs: number): void {
    if (!this.ready) return;
    this.#attempt = closeClient(this.client, graceMs).then(() => this.#open());
    this.#attempt.catch(noop);
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

  /**
   * With the option `emitInvalidate`, node-redis reads the option twice: in its constructor it begins to emit the
   * event, and on each connect it tracks all keys. The store tracks one key, so the option is off for connects.
   */
  #listenToInvalidations(): void {
    Object.assign(this.client.options as object, { emitInvalidate: false });
    this.client.on('invalidate', (key: unknown) => {
      if (!this.#closed) this.#listener.invalidated(key === null ? undefined : String(key));
    });
  }

  async #open(): Promise<void> {
    this.#greeting = false;
    // The previous attempt's socket has closed, so its listener is not needed.
    this.#abort.forget();
    const timer = timers.setTimeout(() => this.#giveUp(this.#tooLate()), this.#connectTimeoutMs);
    try {
      await this.#progress.find(() => this.client.connect());
      // If a client is destroyed during the TCP connect, node-redis still opens the socket. So destroy the
      // client again.
      if (this.#givenUp !== undefined || this.#closed) this.client.destroy();
      if (!this.ready) throw new Error('closed while connecting');
    } catch (error) {
      throw this.#givenUp ?? (isHangUp(error) ? hungUp(error, this.#tls) : error);
    } finally {
      timers.clearTimeout(timer);
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
      if (!this.#closed) this.#listener.unreadable(unreadable(error));
    }
  };

  #lost(cause: unknown): void {
    if (!this.#closed) this.#listener.lost(cause);
  }
}
