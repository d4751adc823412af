import { HashRing } from 'hash-ring';
import type { DRedisError, DRedisStore, DRedisStoreEvents } from '../../src/index.js';

/** Resolves with the arguments of the next event; unlike events.once() it does not mind an 'error' before. */
export function nextEvent<E extends keyof DRedisStoreEvents>(
  store: DRedisStore,
  event: E,
): Promise<DRedisStoreEvents[E]> {
  return new Promise((resolve) => {
    store.once(event, ((...args: unknown[]) => resolve(args as DRedisStoreEvents[E])) as never);
  });
}

/** All 'error' events from now on. */
export function errorsOf(store: DRedisStore): DRedisError[] {
  const errors: DRedisError[] = [];
  store.on('error', (error) => errors.push(error));
  return errors;
}

/** The error that a promise rejects with; fails where it does not reject. */
export async function rejection<E extends Error = DRedisError>(promise: Promise<unknown>): Promise<E> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: E) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${JSON.stringify(outcome.value)}`);
}

/**
 * Keys of one node, as a user of the store without namespace writes them. Asks the ring and not the
 * store, whose locate() would connect.
 */
export function keysOf(store: DRedisStore, node: string, count: number, prefix = 'key'): string[] {
  const ring = new HashRing(store.nodes);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number++) {
    const key = `${prefix}-${number}`;
    if (ring.get(`${store.namespace ?? 'keyv'}:${key}`) === node) keys.push(key);
  }
  return keys;
}

/** Asks for a key as often as a node may stay silent until it counts as down. */
export async function timeOut(store: DRedisStore, key: string): Promise<DRedisError[]> {
  return Promise.all([1, 2, 3].map(() => rejection(store.has(key))));
}
