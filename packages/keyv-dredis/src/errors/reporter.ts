import type { EventEmitter } from 'node:events';
import { DRedisError } from './errors.js';

/** Events of a store. `node:*` events come from the store that was constructed, not from its forks. */
export interface DRedisStoreEvents {
  /** A failure that no promise could tell of: part of a call over several nodes, or a read under Keyv 5. */
  error: [error: DRedisError];
  /** The last command was not answered in time. After three in a row the node is down. */
  'node:suspect': NodeEvent;
  /** A node cannot be reached any more, or says that it cannot serve. Its keys fail at once. */
  'node:down': NodeEvent;
  /** A node gave a sign of life. After another one it is up. */
  'node:returning': NodeEvent;
  /** A node serves again. */
  'node:up': NodeEvent;
}

/**
 * The node's name; what speaks, or spoke, against it; and how many milliseconds it was in the state
 * before (for `node:up`: since it was up last).
 */
type NodeEvent = [node: string, reason: DRedisError, durationMs: number];

/** Tells the outside world what happened, and keeps the store safe from those who listen. */
export class Reporter {
  readonly #emitter: EventEmitter<DRedisStoreEvents>;
  readonly #warned = new Set<string>();

  constructor(emitter: EventEmitter<DRedisStoreEvents>) {
    this.#emitter = emitter;
  }

  /** Emits a failure that no promise tells of; warns once of its kind where nobody listens. */
  report(error: DRedisError): void {
    if (this.#emitter.listenerCount('error') === 0) this.warnOnce(error.code, error.message);
    this.notify('error', error);
  }

  /**
   * Emits an event. What a listener throws is taken: it must not reach another caller, or stop a
   * reconnection.
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

  #listenerThrew(event: string, thrown: unknown): void {
    if (thrown instanceof DRedisError) {
      // A Keyv 6 to which nobody listens throws what it was told.
      this.warnOnce(thrown.code, thrown.message);
    } else {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      this.warnOnce('DREDIS_LISTENER_THREW', `A listener of '${event}' threw: ${text}`);
    }
  }

  /** A warning of the process, once per code. */
  warnOnce(code: string, message: string): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(message, { type: 'DRedisWarning', code });
  }
}
