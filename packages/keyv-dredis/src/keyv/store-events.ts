import { EventEmitter } from 'node:events';
import type { DRedisStoreEvents, DRedisStoreListener } from '../errors/reporter.js';

/** Emits the events of a store, and notices when a Keyv listens to them. */
export abstract class StoreEvents extends EventEmitter<DRedisStoreEvents> {
  constructor() {
    super();
    // Each Keyv adds an 'error' listener, so a large number of listeners is not a sign of a leak.
    this.setMaxListeners(0);
  }

  /** @internal Not in the declarations, because it does not fit the EventEmitter of @types/node 25 and later. */
  override on<E extends keyof DRedisStoreEvents>(event: E, listener: DRedisStoreListener<E>): this {
    super.on(event, listener as never);
    if (event === 'error') this.errorListenerAdded();
    return this;
  }

  /** @internal */
  protected abstract errorListenerAdded(): void;
}
