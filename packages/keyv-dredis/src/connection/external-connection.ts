import { atMost, timers } from '../timers.js';
import { closedByOwner, noGreeting } from './connect-errors.js';
import { type Connection, type ConnectionListener, closeClient, noop } from './connection.js';
import { isReady, type RedisClient } from './redis-client.js';
import { listen } from './shared-listeners.js';

/**
 * A connection through a client that the caller configured. The client reconnects by itself. The store
 * listens to the client's events, and opens the client if it is not open yet.
 */
export class ExternalConnection implements Connection {
  readonly client: RedisClient;
  /** Whether the store may replace the connection, and closes the client. */
  readonly isReplaceable: boolean;
  readonly #listener: ConnectionListener;
  readonly #connectTimeoutMs: number;
  /** Removes the listeners for ready, end and error. */
  readonly #stopListening: readonly (() => void)[];
  #attempt: Promise<void> | undefined;
  #closed = false;
  /** The caller closed the client. */
  #ended = false;
  /** Rejects the current attempt. */
  #giveUp: (cause: Error) => void = noop;
  /** The promise of `client.connect()`, until it settles. It may stay pending after the attempt has ended. */
  #opening: Promise<unknown> | undefined;

  /**
   * @param isOurs whether a factory created the client for the store
   */
  constructor(client: RedisClient, isOurs: boolean, connectTimeoutMs: number, listener: ConnectionListener) {
    this.client = client;
    this.isReplaceable = isOurs;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#listener = listener;
    this.#stopListening = [
      listen(client, 'ready', this.#onReady),
      listen(client, 'end', this.#onEnd),
      listen(client, 'error', this.#onError),
    ];
  }

  get server(): RedisClient {
    return this.client;
  }

  get ready(): boolean {
    return isReady(this.client);
  }

  /** The client may be a pool, or reconnect by itself, so that tracking would end without a sign. */
  readonly tellsInvalidations = false;

  /** The sockets of the caller's client cannot be observed. */
  get isMoving(): boolean {
    return false;
  }

  connect(): Promise<void> {
    if (this.#attempt !== undefined) return this.#attempt;
    if (this.ready) return Promise.resolve();
    if (this.#ended && !this.client.isOpen) return Promise.reject(closedByOwner());
    this.#attempt = this.#attemptTo(() => this.#open());
    return this.#attempt;
  }

  replace(graceMs: number): void {
    this.#reconnect(() => closeClient(this.client, graceMs));
  }

  /**
   * Does nothing if the client belongs to the caller. While the node is down, such a client sends only probes.
   * A client from a factory connects again immediately.
   */
  drop(): void {
    this.#reconnect(() => this.client.destroy());
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#giveUp(new Error('closed while connecting'));
    await atMost(graceMs, Promise.allSettled([this.#attempt]));
    // A client without a listener for errors throws them, so the store's own client keeps that listener.
    for (const stop of this.#stopListening.slice(0, this.isReplaceable ? 2 : 3)) stop();
    if (!this.isReplaceable) return;
    if (this.ready) await closeClient(this.client, graceMs);
    if (this.client.isOpen) await this.client.destroy();
    // If a client is destroyed during the TCP connect, node-redis still opens the socket. So destroy the
    // client again.
    this.#opening?.then(() => this.client.destroy(), noop);
  }

  /** Closes a client from a factory, and opens it again. */
  #reconnect(close: () => unknown): void {
    if (!this.isReplaceable || !this.ready) return;
    this.#attempt = this.#attemptTo(async () => {
      // Waits until #attempt is set, because an idle client emits 'end' immediately.
      await undefined;
      await close();
      if (!this.#closed) await this.#open();
    });
    this.#attempt.catch(noop);
  }

  async #attemptTo(connect: () => Promise<void>): Promise<void> {
    try {
      await connect();
    } finally {
      this.#attempt = undefined;
    }
  }

  /** Settles on the first event, because the client may retry forever without rejecting. */
  async #open(): Promise<void> {
    let stopListening = noop;
    const firstEvent = new Promise<void>((resolve, reject) => {
      const onReady = () => resolve();
      const onError = (error: unknown) => reject(error);
      const timer = timers.setTimeout(
        () => reject(noGreeting(this.#connectTimeoutMs)),
        this.#connectTimeoutMs,
      );
      this.#giveUp = reject;
      const stopReady = listen(this.client, 'ready', onReady);
      const stopError = listen(this.client, 'error', onError);
      stopListening = () => {
        timers.clearTimeout(timer);
        stopReady();
        stopError();
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
    const opening = this.client.connect();
    const opened = () => {
      if (this.#opening === opening) this.#opening = undefined;
    };
    this.#opening = opening;
    opening.then(opened, opened);
    return opening;
  }

  readonly #onReady = (): void => {
    this.#ended = false;
    if (this.#attempt === undefined) this.#listener.reconnected();
  };

  /** The caller closed the client, so the store does not open it again. */
  readonly #onEnd = (): void => {
    const isAttempting = this.#attempt !== undefined;
    // During an attempt, the store itself may close the client, and a sentinel closes itself if it cannot connect.
    const isOurs = isAttempting && (this.isReplaceable || this.#opening !== undefined);
    if (this.#closed || isOurs) return;
    this.#ended = true;
    if (isAttempting) this.#giveUp(closedByOwner());
    else this.#listener.lost(closedByOwner());
  };

  readonly #onError = (error: unknown): void => {
    if (this.#attempt === undefined && !this.#closed && !this.ready) this.#listener.lost(error);
  };
}
