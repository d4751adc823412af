import { inspect } from 'node:util';
import { afterEach } from '@jest/globals';
import { Keyv as Keyv6, type KeyvOptions as Keyv6Options } from 'keyv';
import { Keyv as Keyv5, type KeyvOptions as Keyv5Options } from 'keyv5';
import type { DRedisStore } from '../../src/index.js';
import { openStore } from './stores.js';

export type Major = 5 | 6;

/** The published major versions of Keyv, for `describe.each` and `test.each`. */
export const MAJORS: readonly [title: string, major: Major][] = [
  ['Keyv 5', 5],
  ['Keyv 6', 6],
];

/** For `describe.each`: namespaces, each with the prefix of its keys in Redis. */
export const NAMESPACES: readonly [title: string, namespace: string | undefined, prefix: string][] = [
  ['no namespace', undefined, 'keyv:'],
  ['a namespace', 'app', 'app:'],
  ['a namespace of special characters', 'app*?[a-z]\\:%{x}:', 'app*?[a-z]\\%3A%25{x}%3A:'],
];

/** The members that both majors have, with types that are valid for both. */
export interface AnyKeyv {
  namespace?: string | undefined;
  get(key: string): Promise<unknown>;
  getMany(keys: string[]): Promise<unknown[]>;
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<boolean[]>;
  delete(key: string): Promise<boolean>;
  deleteMany(keys: string[]): Promise<boolean | boolean[]>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  clear(): Promise<void>;
  iterator(): AsyncGenerator<[key: string, value: unknown]>;
  disconnect(): Promise<void>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

export interface AnyKeyvOptions
  extends Omit<Keyv6Options, 'store' | 'namespace' | 'compression'>,
    Pick<Keyv5Options, 'useKeyPrefix' | 'serialize' | 'deserialize' | 'throwOnErrors'> {
  readonly compression?: unknown;
  readonly namespace?: string | undefined;
}

/** Makes a Keyv without an 'error' listener. */
export function makeKeyv(major: Major, store: DRedisStore, options: AnyKeyvOptions = {}): AnyKeyv {
  const all = { ...options, store };
  return (major === 5
    ? new Keyv5(all as Keyv5Options)
    : new Keyv6(all as Keyv6Options)) as unknown as AnyKeyv;
}

const errors: unknown[] = [];

/**
 * Makes a Keyv and collects its 'error' events. `takeErrors()` returns the collected errors. A test that
 * does not take all errors fails. If no store is passed, this opens a store over the shared servers.
 */
export function openKeyv(major: Major, options: AnyKeyvOptions = {}, store = openStore()): AnyKeyv {
  const keyv = makeKeyv(major, store, options);
  collectErrors(keyv);
  return keyv;
}

/** Collects the 'error' events of any emitter, like `openKeyv()` for its Keyv. */
export function collectErrors(emitter: {
  on(event: 'error', listener: (error: unknown) => void): unknown;
}): void {
  emitter.on('error', (error) => errors.push(error));
}

/** @returns the errors emitted since the last call */
export function takeErrors(): unknown[] {
  return errors.splice(0);
}

/** @returns the codes of the errors emitted since the last call */
export function takeErrorCodes(): (string | undefined)[] {
  return takeErrors().map((error) => (error as { code?: string }).code);
}

// Closing a store must not emit errors either, so this hook runs after the clean-up. The clean-up runs first,
// because its hook was installed first. This hook does not use `expect`, because `expect.assertions()` in a
// test would count the assertion.
afterEach(() => {
  const errors = takeErrors();
  if (errors.length > 0) throw new Error(`The test did not expect these 'error' events: ${inspect(errors)}`);
});

/** Returns the entries that an iterator yields, sorted by key. */
export async function entriesOf(iterable: {
  iterator(): AsyncGenerator<[key: string, value: unknown]>;
}): Promise<[key: string, value: unknown][]> {
  const entries: [string, unknown][] = [];
  for await (const entry of iterable.iterator()) entries.push(entry);
  return entries.sort(([one], [other]) => (one < other ? -1 : 1));
}
