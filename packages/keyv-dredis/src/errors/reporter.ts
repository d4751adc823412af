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

/**
 * Why the store removed its keys from a server.
 *
 * - `'restarted'`: The server restarted, so it may have loaded an old snapshot.
 * - `'unknown-history'`: Another server is the primary now. Its replication history does not show that it has
 *   the data of the previous primary.
 * - `'replica-behind'`: A replica was promoted that has not received all writes which the previous primary
 *   confirmed.
 */
export type PurgeReason = 'restarted' | 'unknown-history' | 'replica-behind';

/** Arguments of the `node:purged` event. */
export type PurgeEvent = [
  /** Name of the node. */
  node: string,
  /** Why the keys were removed. */
  reason: PurgeReason,
  /** Number of removed keys, 1 or more. */
  keyCount: number,
];

/** Argument of the events `topology:moving` and `topology:changed`. */
export interface TopologyEvent {
  /** Counts the changes of the topology. */
  readonly epoch: number;
  /** Names of the nodes. */
  readonly nodes: readonly string[];
  /** Names of the nodes before; undefined for `topology:changed`. */
  readonly previous: readonly string[] | undefined;
  /** What has been decided about nodes that do not serve their keys, by name. */
  readonly states: Readonly<Record<string, 'leaving' | 'away' | 'returning'>>;
  /** Processes with the same fingerprint agree on the owner of every key, if no node is away. */
  readonly fingerprint: string;
}

/** Events that a store emits. Stores from `withNamespace()` do not emit the `node:*` and `topology:*` events. */
export interface DRedisStoreEvents {
  /** A failure that rejects no promise: a node failed in a multi-key call, or a read failed under Keyv 5. */
  error: [error: DRedisError];
  /** The last command timed out. After three timeouts in a row the node is down. */
  'node:suspect': NodeEvent;
  /**
   * The node cannot be reached, or replied that it cannot execute commands. Commands to it fail immediately. If
   * a connection is lost and the next attempt succeeds, there is no event.
   */
  'node:down': NodeEvent;
  /**
   * The node answered a probe. If the node also answers the next probe, the store recovers the node, and
   * the node is up again.
   */
  'node:returning': NodeEvent;
  /** Commands are sent to the node again. */
  'node:up': NodeEvent;
  /** The store removed its keys from a server, because they may be stale. See the option `restartPolicy`. */
  'node:purged': PurgeEvent;
  /** A change of the topology has begun: entries move to their new owners. */
  'topology:moving': [topology: TopologyEvent];
  /** The process uses a new topology, and no entries move. */
  'topology:changed': [topology: TopologyEvent];
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

  /** Emits a process warning, once per key. */
  warnOnce(code: string, message: string, key = code): void {
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
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
