import { Backoff } from './backoff.js';
import { type Connection, type ConnectionListener, closeClient, ignore, noGreeting } from './connection.js';
import { isReady, type RedisClient } from './redis-client.js';

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
  /** Somebody else closed the client. */
  #ended = false;
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
    client.on('end', this.#onEnd);
  }

  get ready(): boolean {
    return !this.#distrusted && isReady(this.client);
  }

  get failure(): unknown {
    return this.#failure;
  }

  connect(): Promise<void> {
    if (this.ready) return Promise.resolve();
    if (this.#ended && !this.client.isOpen) return Promise.reject(this.#failure);
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
    this.client.off('end', this.#onEnd);
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
    this.#ended = false;
    this.#failure = undefined;
    this.#backoff.reset();
    this.#listener.up();
  };

  /** Whoever closes a client wants it closed: it is theirs to open again. */
  readonly #onEnd = (): void => {
    if (this.#closed || this.#attempt !== undefined) return;
    this.#ended = true;
    this.#backoff.cancel();
    this.#failure = new Error('its client was closed');
    this.#listener.down(this.#failure);
  };

  readonly #onError = (error: unknown): void => {
    if (this.#closed || isReady(this.client)) return;
    this.#failure = error;
    // Its own reconnecting has given up, or was switched off.
    if (!this.client.isOpen) this.#backoff.schedule(() => this.connect());
    this.#listener.down(error);
  };
}
