import type { EventEmitter } from 'node:events';
import { DRedisError } from './errors.js';

/** Arguments of a `node:*` event. */
export type NodeEvent = [
  /** Name of the node. */
  node: string,
  /** Why the node is not up; for `node:up`, why it was not up before. */
  reason: DRedisError,
  /** Milliseconds in the previous state; for `node:up`, milliseconds since the node was last up. */
  durationMs: number,
];

/** Events that a store emits. Stores from `withNamespace()` do not emit the `node:*` events. */
export interface DRedisStoreEvents {
  /** A failure that rejects no promise: a node failed in a multi-key call, or a read failed under Keyv 5. */
  error: [error: DRedisError];
  /** The last command timed out. After three timeouts in a row the node is down. */
  'node:suspect': NodeEvent;
  /**
   * The node cannot be reached, or replied that it cannot execute commands. Commands to it fail immediately.
   */
  'node:down': NodeEvent;
  /**
   * The node answered a probe. If the node also answers the next probe, the store recovers the node, and
   * the node is up again.
   */
  'node:returning': NodeEvent;
  /** Commands are sent to the node again. */
  'node:up': NodeEvent;
}

/** A listener for an event of a store. */
export type DRedisStoreListener<E extends keyof DRedisStoreEvents> = (...args: DRedisStoreEvents[E]) => void;

/** Emits events and process warnings. A listener that throws cannot affect the store. */
export class Reporter {
  readonly #emitter: EventEmitter<DRedisStoreEvents>;
  readonly #warned = new Set<string>();

  constructor(emitter: EventEmitter<DRedisStoreEvents>) {
    this.#emitter = emitter;
  }

  /**
   * Emits an `error` event. If the event has no listener, also emits a process warning, once per error code.
   */
  report(error: DRedisError): void {
    if (this.#emitter.listenerCount('error') === 0) this.warnOnce(error.code, error.message);
    this.notify('error', error);
  }

  /**
   * Emits an event. Catches errors that listeners throw, so that they cannot fail a call or stop a reconnect.
   */
  notify<E extends keyof DRedisStoreEvents>(event: E, ...args: DRedisStoreEvents[E]): void {
    for (const listener of this.#emitter.rawListeners(event)) {
      try {
        const result: unknown = Reflect.apply(listener, this.#emitter, args);
        if (result instanceof Promise) result.catch((thrown) => this.#listenerThrew(event, thrown));
      } catch (thrown) {
        this.#listenerThrew(event, thrown);
      }
    }
  }

  /** Emits a process warning, once per code. */
  warnOnce(code: string, message: string): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(message, { type: 'DRedisWarning', code });
  }

  #listenerThrew(event: string, thrown: unknown): void {
    if (thrown instanceof DRedisError) {
      // If a Keyv 6 has no error listener, it throws the error that the store emitted.
      this.warnOnce(thrown.code, thrown.message);
    } else {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      this.warnOnce('DREDIS_LISTENER_THREW', `A listener of '${event}' threw: ${text}`);
    }
  }
}
