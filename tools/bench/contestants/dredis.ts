import { pathToFileURL } from 'node:url';
import type { NodeDownPolicy } from '../../../packages/keyv-dredis/src/config/options.js';
import type { OpenOptions, Subject } from '../harness/contestant.js';

type Built = typeof import('../../../packages/keyv-dredis/src/index.js');

async function openStore(
  file: string,
  { locations, namespace }: OpenOptions,
  location: (address: string) => string | object = (address) => address,
  nodeDownPolicy: NodeDownPolicy = 'error',
) {
  const { DRedisStore } = (await import(pathToFileURL(file).href)) as Built;
  const store = new DRedisStore(locations.map(location) as string[], { namespace, nodeDownPolicy });
  store.on('error', rethrow);
  await store.connect();
  return store;
}

function rethrow(error: Error): never {
  throw error;
}

export async function openBare(options: OpenOptions, file = options.storeFile): Promise<Subject> {
  return subjectOf(await openStore(file, options));
}

export async function openWithPolicy(options: OpenOptions, mode: NodeDownPolicy): Promise<Subject> {
  const store = await openStore(options.storeFile, options, undefined, mode);
  return { ...subjectOf(store), onReturn: (listener) => store.on('node:up', listener) };
}

/** With node-redis' own pools in place of single connections. */
export async function openPooled(options: OpenOptions, size: number): Promise<Subject> {
  const { createClientPool } = await import('redis');
  const pools: { close(): Promise<unknown> }[] = [];
  const store = await openStore(options.storeFile, options, (name) => {
    const client = createClientPool({ url: `redis://${name}` }, { minimum: size, maximum: size });
    pools.push(client);
    return { client, name };
  });
  const subject = subjectOf(store);
  const close = async () => {
    await subject.close();
    await Promise.all(pools.map((pool) => pool.close()));
  };
  return { ...subject, close };
}

function subjectOf(store: Awaited<ReturnType<typeof openStore>>): Subject {
  return {
    get: (key) => store.get(key),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs === undefined ? undefined : Date.now() + ttlMs),
    getMany: (keys) => store.getMany(keys),
    setMany: (entries) => store.setMany(entries),
    clear: () => store.clear(),
    iterator: () => store.iterator(),
    ownerOf: (key) => store.locate(key).node,
    close: () => store.disconnect(),
  };
}

export async function openBaseline(options: OpenOptions): Promise<Subject> {
  if (options.baselineFile === undefined) throw new Error('there is no --baseline');
  return openBare(options, options.baselineFile);
}

/** Without an `error` listener, for what fails on purpose. */
export async function openUnderKeyv5(options: OpenOptions): Promise<Subject> {
  const { underKeyv5 } = await import('./keyv.js');
  return underKeyv5(await openStore(options.storeFile, options), options.namespace);
}

export async function openUnderKeyv6(options: OpenOptions): Promise<Subject> {
  const { underKeyv6 } = await import('./keyv.js');
  return underKeyv6(await openStore(options.storeFile, options), options.namespace);
}
