import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { Keyv as Keyv6, type KeyvOptions as Keyv6Options } from 'keyv';
import { Keyv as Keyv5, type KeyvOptions as Keyv5Options } from 'keyv5';
import { DRedisStore, type DRedisStoreOptions } from '../../src/index.js';
import { PlainServers } from './plain-servers.js';
import { sharedLocations } from './servers.js';

export type Major = 5 | 6;

/** For `describe.each` and `test.each`: the published Keyvs. */
export const MAJORS: readonly [title: string, major: Major][] = [
  ['Keyv 5', 5],
  ['Keyv 6', 6],
];

/** For `describe.each`: what the keys of each namespace begin with in Redis. All begin with one of ROOTS. */
export const NAMESPACES: readonly [title: string, namespace: string | undefined, prefix: string][] = [
  ['no namespace', undefined, 'keyv:'],
  ['a namespace', 'contract', 'contract:'],
  ['a namespace of special characters', 'contract*?[a-z]\\:%{x}:', 'contract*?[a-z]\\%3A%25{x}%3A:'],
];

const ROOTS = ['keyv', 'contrac'];

/** What both majors offer, in types that hold for both. */
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

/** A Keyv as the major makes it, listened to by nobody. */
export function makeKeyv(major: Major, store: DRedisStore, options: AnyKeyvOptions = {}): AnyKeyv {
  const all = { ...options, store };
  return (major === 5
    ? new Keyv5(all as Keyv5Options)
    : new Keyv6(all as Keyv6Options)) as unknown as AnyKeyv;
}

/** The entries that an iterator yields. */
export async function entriesOf(keyv: Pick<AnyKeyv, 'iterator'>): Promise<[string, unknown][]> {
  const entries: [string, unknown][] = [];
  for await (const entry of keyv.iterator()) entries.push(entry);
  return entries.sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Stores and Keyvs over the shared servers, and a look past them into Redis. */
export interface Workbench {
  readonly redis: PlainServers;
  /** What the Keyvs have told. A test that expects errors takes them out: what is left fails it. */
  readonly errors: unknown[];
  openStore(options?: DRedisStoreOptions): DRedisStore;
  openKeyv(major: Major, options?: AnyKeyvOptions, store?: DRedisStore): AnyKeyv;
}

/**
 * Sets up a test file, and takes away after each test what it has opened and stored.
 *
 * @param database one that no other test file uses: all of them share the servers
 */
export function workbench(database: number): Workbench {
  let redis: PlainServers;
  const errors: unknown[] = [];
  const opened: DRedisStore[] = [];

  beforeAll(async () => {
    redis = await PlainServers.connect(sharedLocations(), database);
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.disconnect()));
    await Promise.all(ROOTS.map((root) => redis.remove(root)));
    expect(errors.splice(0)).toEqual([]);
  });

  afterAll(() => redis?.close());

  const openStore = (options: DRedisStoreOptions = {}) => {
    const store = new DRedisStore(sharedLocations(), { database, ...options });
    opened.push(store);
    return store;
  };

  return {
    get redis() {
      return redis;
    },
    errors,
    openStore,
    openKeyv(major, options = {}, store = openStore()) {
      const keyv = makeKeyv(major, store, options);
      keyv.on('error', (error) => errors.push(error));
      return keyv;
    },
  };
}
