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
 * The harness adds no 'error' listener to a store: whether anybody listens changes what the store does with
 * an error. `errorsOf(store)` listens if a test wants to.
 */

/** Opens a store over the shared servers, in the database of this test file. The clean-up disconnects it. */
export function openStore(options?: DRedisStoreOptions): DRedisStore {
  return openStoreOver(sharedLocations(), { database: useSharedDatabase(), ...options });
}

/** Opens a store over other servers. The clean-up disconnects it. */
export function openStoreOver(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, options);
  onCleanUp(() => store.disconnect());
  return store;
}

/** Resolves with the arguments of the next event. Unlike events.once(), an 'error' does not reject it. */
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

/** The error that a promise rejects with. @throws Error if the promise resolves */
export async function rejection<E extends Error = DRedisError>(promise: Promise<unknown>): Promise<E> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: E) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${JSON.stringify(outcome.value)}`);
}

/** Keys that one node owns, without the namespace. Uses the ring, because store.locate() would connect. */
export function keysOf(store: DRedisStore, node: string, count: number, prefix = 'key'): string[] {
  const ring = new HashRing(store.nodes);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number++) {
    const key = `${prefix}-${number}`;
    if (ring.get(`${store.namespace ?? 'keyv'}:${key}`) === node) keys.push(key);
  }
  return keys;
}

/** Sends as many commands without a reply as take a node down. @returns their errors */
export async function timeOut(store: DRedisStore, key: string): Promise<DRedisError[]> {
  return Promise.all([1, 2, 3].map(() => rejection(store.has(key))));
}

/** Sends a command to the server. */
type Send = (args: readonly string[]) => Promise<unknown>;

/**
 * Passes each command that a store sends to one of its nodes to a function, which may send it, change it or
 * send others first.
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
