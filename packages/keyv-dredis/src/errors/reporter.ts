import type { EventEmitter } from 'node:events';
import { DRedisError } from './errors.js';

/** Arguments of a `node:*` event. */
export type NodeEvent = [
  /** Name of the node. */
  node: string,
  /** The failure that the event is about. */
  reason: DRedisError,
  /** Milliseconds in the previous state; for `node:up`, milliseconds since the node was last up. */
  durationMs: number,
];

/** Events of a store. `node:*` events come from the constructed store only, not from `withNamespace()`. */
export interface DRedisStoreEvents {
  /** A failure without a promise to reject: of one node in a multi-key call, or of a read under Keyv 5. */
  error: [error: DRedisError];
  /** The last command timed out. After three timeouts in a row the node is down. */
  'node:suspect': NodeEvent;
  /** The node cannot be reached, or replied that it cannot serve. Commands to it fail at once. */
  'node:down': NodeEvent;
  /** The node answered a probe. If it answers another one, it is up. */
  'node:returning': NodeEvent;
  /** Commands are sent to the node again. */
  'node:up': NodeEvent;
}

/** Emits events and process warnings. A listener that throws cannot affect the store. */
export class Reporter {
  readonly #emitter: EventEmitter<DRedisStoreEvents>;
  readonly #warned = new Set<string>();

  constructor(emitter: EventEmitter<DRedisStoreEvents>) {
    this.#emitter = emitter;
  }

  /** Emits a failure that rejects no promise. Without a listener, warns once per code. */
  report(error: DRedisError): void {
    if (this.#emitter.listenerCount('error') === 0) this.warnOnce(error.code, error.message);
    this.notify('error', error);
  }

  /** Emits an event. Catches what listeners throw, so that it reaches no caller and stops no reconnect. */
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
      // Keyv 6 without an error listener throws the error that we emitted.
      this.warnOnce(thrown.code, thrown.message);
    } else {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      this.warnOnce('DREDIS_LISTENER_THREW', `A listener of '${event}' threw: ${text}`);
    }
  }
}
