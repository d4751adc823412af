import { pathToFileURL } from 'node:url';
import type { DRedisStore, NodeDownPolicy, NodeStatus } from 'keyv-dredis';
import type { OpenOptions, Subject } from '../harness/contestant.js';
import { underKeyv5, underKeyv6 } from './keyv.js';

type StoreModule = typeof import('keyv-dredis');

interface StoreVariant {
  /** The ES module to load. @default options.storeFile */
  readonly file?: string;
  /** Maps each `host:port` to a location for the store. @default the identity */
  readonly toLocation?: (address: string) => string | object;
  /** @default the store's default, which may have another name in a --baseline build */
  readonly nodeDownPolicy?: NodeDownPolicy;
}

async function openStore(options: OpenOptions, variant: StoreVariant = {}): Promise<DRedisStore> {
  const { file = options.storeFile, toLocation = (address) => address, nodeDownPolicy } = variant;
  const { DRedisStore } = (await import(pathToFileURL(file).href)) as StoreModule;
  const store = new DRedisStore(options.locations.map(toLocation) as string[], {
    namespace: options.namespace,
    ...(nodeDownPolicy !== undefined && { nodeDownPolicy }),
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
    has: (key) => store.has(key),
    delete: (key) => store.delete(key),
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
  return {
    ...subjectOf(store),
    usesAllServers() {
      const { topology, nodes } = store.status();
      const { phase, states } = topology;
      const isUp = ({ state }: NodeStatus) => state === 'up' || state === 'suspect';
      return phase === 'settled' && Object.keys(states).length === 0 && nodes.every(isUp);
    },
    onServerUp: (listener) => store.on('node:up', listener),
  };
}

/** The servers before a change: all but the last one. */
const beforeChange = (options: OpenOptions): OpenOptions => ({
  ...options,
  locations: options.locations.slice(0, -1),
});

/** Changes the servers of all processes. */
export async function openForReshard(
  options: OpenOptions,
  maxKeysPerSecond: number | undefined,
): Promise<Subject> {
  const store = await openStore(beforeChange(options));
  return {
    ...subjectOf(store),
    async changeServers(locations) {
      let movingFrom = 0;
      const { movedCount } = await store.reshard(locations as string[], {
        ...(maxKeysPerSecond !== undefined && { maxKeysPerSecond }),
        onProgress: ({ phase }) => {
          if (phase === 'moving') movingFrom ||= performance.now();
        },
      });
      return { movedCount, movingMs: performance.now() - movingFrom };
    },
  };
}

/** Changes the servers of this process. */
export async function openForUpdate(options: OpenOptions): Promise<Subject> {
  const store = await openStore(beforeChange(options));
  return {
    ...subjectOf(store),
    async changeServers(locations) {
      await store.updateNodes(locations as string[]);
      return { movedCount: 0, movingMs: 0 };
    },
  };
}

/** The servers hold a settled topology record. */
export async function openResharded(options: OpenOptions): Promise<Subject> {
  const store = await openStore(options);
  if (store.status().topology.epoch === 0) {
    await store.reshard(options.locations.map((url) => ({ url: `redis://${url}`, name: url, weight: 2 })));
  }
  return subjectOf(store);
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
