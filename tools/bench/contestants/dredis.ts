import { pathToFileURL } from 'node:url';
import type { DRedisStore, NodeDownPolicy } from 'keyv-dredis';
import type { OpenOptions, Subject } from '../harness/contestant.js';
import { underKeyv5, underKeyv6 } from './keyv.js';

type StoreModule = typeof import('keyv-dredis');

interface StoreVariant {
  /** The ES module to load. @default options.storeFile */
  readonly file?: string;
  /** Maps each `host:port` to a location for the store. @default the identity */
  readonly toLocation?: (address: string) => string | object;
  /** @default 'error' */
  readonly nodeDownPolicy?: NodeDownPolicy;
}

async function openStore(options: OpenOptions, variant: StoreVariant = {}): Promise<DRedisStore> {
  const { file = options.storeFile, toLocation = (address) => address, nodeDownPolicy = 'error' } = variant;
  const { DRedisStore } = (await import(pathToFileURL(file).href)) as StoreModule;
  const store = new DRedisStore(options.locations.map(toLocation) as string[], {
    namespace: options.namespace,
    // The default is not passed, because a --baseline build may use another name for this option.
    ...(nodeDownPolicy !== 'error' && { nodeDownPolicy }),
  });
  // An error makes the figures meaningless, so it ends the process.
  store.on('error', (error) => {
    throw error;
  });
  await store.connect();
  return store;
}

function subjectOf(store: DRedisStore): Subject {
  return {
    get: (key) => store.get(key),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs === undefined ? undefined : Date.now() + ttlMs),
    getMany: (keys) => store.getMany(keys),
    setMany: (entries) => store.setMany(entries),
    clear: () => store.clear(),
    iterator: () => store.iterator(),
    ownerOf: (key) => store.locate(key).node,
  };
}

export async function openAdapter(options: OpenOptions): Promise<Subject> {
  return subjectOf(await openStore(options));
}

export async function openBaseline(options: OpenOptions): Promise<Subject> {
  const { baselineFile } = options;
  if (baselineFile === undefined) throw new Error('the baseline needs --baseline <file>');
  return subjectOf(await openStore(options, { file: baselineFile }));
}

export async function openWithPolicy(options: OpenOptions, nodeDownPolicy: NodeDownPolicy): Promise<Subject> {
  const store = await openStore(options, { nodeDownPolicy });
  return { ...subjectOf(store), onReadmission: (listener) => store.on('node:up', listener) };
}

/** Uses a node-redis client pool for each node instead of a single connection. */
export async function openPooled(options: OpenOptions, poolSize: number): Promise<Subject> {
  const { createClientPool } = await import('redis');
  const toLocation = (name: string) => ({
    name,
    client: createClientPool({ url: `redis://${name}` }, { minimum: poolSize, maximum: poolSize }),
  });
  return subjectOf(await openStore(options, { toLocation }));
}

export async function openUnderKeyv5(options: OpenOptions): Promise<Subject> {
  return underKeyv5(await openStore(options), options.namespace);
}

export async function openUnderKeyv6(options: OpenOptions): Promise<Subject> {
  return underKeyv6(await openStore(options), options.namespace);
}
