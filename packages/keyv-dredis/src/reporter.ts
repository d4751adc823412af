import type { EventEmitter } from 'node:events';
import { DRedisError } from './errors.js';

/** Events of a store. `node:*` events come from the store that was constructed, not from its forks. */
export interface DRedisStoreEvents {
  /** A failure that no promise could tell of: part of a call over several nodes, or a read under Keyv 5. */
  error: [error: DRedisError];
  /** A node cannot be reached any more. Its keys fail at once until `node:up`. */
  'node:down': [node: string, error: DRedisError];
  /** A node can be reached again. */
  'node:up': [node: string];
}

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
