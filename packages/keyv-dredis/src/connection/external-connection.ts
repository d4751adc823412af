import { closedByOwner, noGreeting } from './connect-errors.js';
import { type Connection, type ConnectionListener, closeClient, noop } from './connection.js';
import { isReady, type RedisClient } from './redis-client.js';

/**
 * A connection through a client that the caller configured. The client reconnects by itself. The store
 * listens to the client's events, and opens the client if it is not open yet.
 */
export class ExternalConnection implements Connection {
  readonly client: RedisClient;
  readonly #listener: ConnectionListener;
  readonly #closesClient: boolean;
  readonly #connectTimeoutMs: number;
  #attempt: Promise<void> | undefined;
  #closed = false;
  /** The caller closed the client. */
  #ended = false;
  /** Rejects the current attempt. */
  #giveUp: (cause: Error) => void = noop;
  /** The promise of `client.connect()`. It may stay pending after the attempt has ended. */
  #opening: Promise<unknown> | undefined;

  /**
   * @param closesClient whether the store closes the client: true if a factory created the client for the
   * store
   */
  constructor(
    client: RedisClient,
    closesClient: boolean,
    connectTimeoutMs: number,
    listener: ConnectionListener,
  ) {
    this.client = client;
    this.#closesClient = closesClient;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    client.on('ready', this.#onReady);
    client.on('error', this.#onError);
    client.on('end', this.#onEnd);
  }

  get ready(): boolean {
    return isReady(this.client);
  }

  connect(): Promise<void> {
    if (this.ready) return Promise.resolve();
    if (this.#ended && !this.client.isOpen) return Promise.reject(closedByOwner());
    this.#attempt ??= this.#open().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  /** Does nothing, because the client belongs to the caller. While the node is down, it sends only probes. */
  drop(): void {}

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#giveUp(new Error('closed while connecting'));
    await this.#attempt?.catch(noop);
    this.client.off('ready', this.#onReady);
    this.client.off('end', this.#onEnd);
    if (!this.#closesClient) {
      this.client.off('error', this.#onError);
      return;
    }
    if (this.ready) await closeClient(this.client, graceMs);
    if (this.client.isOpen) await this.client.destroy();
    // If a client is destroyed during the TCP connect, node-redis still opens the socket. So destroy the
    // client again.
    this.#opening?.then(() => this.client.destroy(), noop);
  }

  /** Settles on the first event, because the client may retry forever without rejecting. */
  async #open(): Promise<void> {
    let stopListening = noop;
    const firstEvent = new Promise<void>((resolve, reject) => {
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
      await Promise.race([firstEvent, this.client.isOpen ? firstEvent : this.#openClient()]);
    } finally {
      stopListening();
    }
  }

  #openClient(): Promise<unknown> {
    this.#opening = this.client.connect();
    this.#opening.catch(noop);
    return this.#opening;
  }

  readonly #onReady = (): void => {
    this.#ended = false;
    if (this.#attempt === undefined) this.#listener.reconnected();
  };

  /** The caller closed the client, so the store does not open it again. */
  readonly #onEnd = (): void => {
    if (this.#closed || this.#attempt !== undefined) return;
    this.#ended = true;
    this.#listener.lost(closedByOwner());
  };

  readonly #onError = (error: unknown): void => {
    if (this.#attempt === undefined && !this.#closed && !this.ready) this.#listener.lost(error);
  };
}
