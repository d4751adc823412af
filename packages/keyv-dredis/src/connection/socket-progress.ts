import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { timers } from '../timers.js';

/** Node.js publishes each new client socket here (TLS sockets since Node.js 22). node-redis keeps them private. */
const NEW_SOCKET = 'net.client.socket';

/**
 * Observes whether a connection moves: whether bytes come in or go out. A long value can keep a slow line busy
 * for longer than the time limit of the commands behind it, although the server is alive.
 */
export class SocketProgress {
  readonly #quietMs: number;
  readonly #setsTimeout: boolean;
  #socket: Socket | undefined;
  #receivedAt = Number.NEGATIVE_INFINITY;
  /** Whether a write has made no progress for the whole time. */
  #isStalled = false;

  /**
   * @param quietMs without a byte for this time, the connection does not move
   * @param setsTimeout whether the socket's timeout may be used to observe writes
   */
  constructor(quietMs: number, setsTimeout: boolean) {
    this.#quietMs = quietMs;
    this.#setsTimeout = setsTimeout;
  }

  /** Whether bytes come in or go out. False if the socket cannot be observed. */
  get isMoving(): boolean {
    if (timers.now() - this.#receivedAt < this.#quietMs) return true;
    return this.#setsTimeout && this.#isWriting && !this.#isStalled;
  }

  /** Runs a function that creates the socket synchronously, to find the socket. */
  find<T>(create: () => T): T {
    this.#socket = undefined;
    this.#receivedAt = Number.NEGATIVE_INFINITY;
    const onSocket: ChannelListener = (message) => {
      this.#socket = (message as { socket: Socket }).socket;
    };
    subscribe(NEW_SOCKET, onSocket);
    try {
      return create();
    } finally {
      unsubscribe(NEW_SOCKET, onSocket);
    }
  }

  /** Starts to observe the socket. Called once it is connected. */
  start(): void {
    const moved = () => {
      this.#receivedAt = timers.now();
      this.#isStalled = false;
    };
    this.#isStalled = false;
    this.#socket?.on('data', moved);
    if (!this.#setsTimeout) return;
    // While a write is in progress, this event means that the system has accepted no more of its bytes.
    this.#socket?.setTimeout(this.#quietMs).on('timeout', () => {
      this.#isStalled = this.#isWriting;
    });
    this.#socket?.on('drain', () => {
      this.#isStalled = false;
    });
  }

  get #isWriting(): boolean {
    return this.#socket !== undefined && this.#socket.writableLength > 0;
  }
}
