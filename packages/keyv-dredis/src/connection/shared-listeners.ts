import type { RedisClient } from './redis-client.js';

type Listener = (...args: unknown[]) => void;

/** The stores' listeners for one event of a client. */
interface Shared {
  readonly listeners: Set<Listener>;
  /** The only listener that the client has. */
  readonly dispatch: Listener;
}

const clients = new WeakMap<RedisClient, Map<string, Shared>>();

/**
 * Listens to an event of a client. All stores on a client share one listener per event. So Node.js does not
 * warn of a leak if there are many stores, and still warns if the caller's own listeners leak.
 *
 * @returns removes the listener
 */
export function listen(client: RedisClient, event: string, listener: Listener): () => void {
  const events = clients.get(client) ?? new Map<string, Shared>();
  clients.set(client, events);
  const shared = events.get(event) ?? makeShared();
  if (shared.listeners.size === 0) {
    events.set(event, shared);
    client.on(event, shared.dispatch);
  }
  shared.listeners.add(listener);
  return () => {
    shared.listeners.delete(listener);
    if (shared.listeners.size > 0) return;
    client.off(event, shared.dispatch);
    events.delete(event);
  };
}

function makeShared(): Shared {
  const listeners = new Set<Listener>();
  const dispatch: Listener = (...args) => {
    // Copied, because listeners that are added meanwhile must not get the current event.
    for (const listener of [...listeners]) listener(...args);
  };
  return { listeners, dispatch };
}
