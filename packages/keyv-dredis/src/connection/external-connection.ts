import {
  type Connection,
  type ConnectionListener,
  closeClient,
  closedByOwner,
  ignore,
  noGreeting,
} from './connection.js';
import { isReady, type RedisClient } from './redis-client.js';

/**
 * A connection over a client that somebody else configured, with its own reconnecting: we listen,
 * and open it where nobody has.
 */
export class ForeignConnection implements Connection {
  readonly client: RedisClient;
  readonly #listener: ConnectionListener;
  readonly #closesClient: boolean;
  readonly #connectTimeoutMs: number;
  #attempt: Promise<void> | undefined;
  #closed = false;
  /** Somebody else closed the client. */
  #ended = false;
  /** Ends the attempt under way. */
  #giveUp: (cause: Error) => void = ignore;
  /** The client's own attempt, which may go on for longer than ours. */
  #opening: Promise<unknown> | undefined;

  /** @param closesClient the client is ours to close (a factory of the caller's made it for us) */
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

  /** It is the caller's to end: the node sends nothing but probes until one is answered. */
  distrust(): void {}

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
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
    } finally {
      stopListening();
    }
  }

  #openClient(): Promise<unknown> {
    this.#opening = this.client.connect();
    this.#opening.catch(ignore);
    return this.#opening;
  }

  readonly #onReady = (): void => {
    this.#ended = false;
    if (this.#attempt === undefined) this.#listener.mended();
  };

  /** Whoever closes a client wants it closed: it is theirs to open again. */
  readonly #onEnd = (): void => {
    if (this.#closed || this.#attempt !== undefined) return;
    this.#ended = true;
    this.#listener.lost(closedByOwner());
  };

  readonly #onError = (error: unknown): void => {
    if (this.#attempt === undefined && !this.#closed && !this.ready) this.#listener.lost(error);
  };
}
