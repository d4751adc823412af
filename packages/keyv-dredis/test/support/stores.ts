import { HashRing } from 'hash-ring';
import {
  type DRedisError,
  DRedisStore,
  type DRedisStoreEvents,
  type DRedisStoreOptions,
  type Locations,
} from '../../src/index.js';
import { onCleanUp } from './clean-up.js';
import { useSharedDatabase } from './clients.js';
import { sharedLocations } from './servers.js';

/*
 * The harness adds no 'error' listener to a store, because a listener changes how the store reports errors. A
 * test that needs a listener calls `errorsOf(store)`.
 */

/**
 * Opens a store over the shared servers, in this test file's database. The clean-up disconnects the store.
 */
export function openStore(options?: DRedisStoreOptions): DRedisStore {
  return openStoreOver(sharedLocations(), { database: useSharedDatabase(), ...options });
}

/** Opens a store over other servers. The clean-up disconnects the store. */
export function openStoreOver(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, options);
  onCleanUp(() => store.disconnect());
  return store;
}

/**
 * Resolves with the next event's arguments. Unlike events.once(), it does not reject after an 'error' event.
 */
export function nextEvent<E extends keyof DRedisStoreEvents>(
  store: DRedisStore,
  event: E,
): Promise<DRedisStoreEvents[E]> {
  return new Promise((resolve) => {
    store.once(event, ((...args: unknown[]) => resolve(args as DRedisStoreEvents[E])) as never);
  });
}

/** Collects the 'error' events from now on. */
export function errorsOf(store: DRedisStore): DRedisError[] {
  const errors: DRedisError[] = [];
  store.on('error', (error) => errors.push(error));
  return errors;
}

/** Expects a promise to reject. @returns its error @throws Error if the promise resolves */
export async function rejection<E extends Error = DRedisError>(promise: Promise<unknown>): Promise<E> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: E) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${JSON.stringify(outcome.value)}`);
}

/**
 * Returns keys that one node owns, without the namespace. Uses the ring, because store.locate() would
 * connect.
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

/** Sends commands until enough have timed out to take the node down. @returns their errors */
export async function timeOut(store: DRedisStore, key: string): Promise<DRedisError[]> {
  return Promise.all([1, 2, 3].map(() => rejection(store.has(key))));
}

/** Sends a command to the server. */
type Send = (args: readonly string[]) => Promise<unknown>;

/**
 * Intercepts the commands that a store sends to one of its nodes. The function gets each command, and may
 * send it, change it, or send other commands first.
 */
export function interceptCommands(
  client: object,
  intercept: (args: readonly string[], send: Send) => Promise<unknown>,
): void {
  const target = client as { sendCommand(args: readonly string[], options: unknown): Promise<unknown> };
  const send = target.sendCommand.bind(target);
  target.sendCommand = (args, options) => intercept(args, (changed) => send(changed, options));
}

/** Records the commands that a store sends to one of its nodes from now on. */
export function recordCommands(client: object): string[][] {
  const commands: string[][] = [];
  interceptCommands(client, (args, send) => {
    commands.push([...args]);
    return send(args);
  });
  return commands;
}
