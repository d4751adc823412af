import KeyvRedis, { createCluster, createSentinel } from '@keyv/redis';
import { type OpenOptions, SENTINEL_GROUP, type Subject } from '../harness/contestant.js';
import { slotOf } from '../harness/load-keys.js';
import { underKeyv5, underKeyv6 } from './keyv.js';

const strictAdapter = ({ locations, namespace }: OpenOptions) =>
  new KeyvRedis(`redis://${locations[0]}`, { namespace, throwOnErrors: true, throwOnConnectError: true });

const clusterClient = (locations: readonly string[]) =>
  createCluster({ rootNodes: locations.map((location) => ({ url: `redis://${location}` })) });

function subjectOf(adapter: KeyvRedis<unknown>, namespace: string): Subject {
  return {
    get: (key) => adapter.get(key),
    set: (key, value, ttlMs) => adapter.set(key, value, ttlMs),
    has: (key) => adapter.has(key),
    delete: (key) => adapter.delete(key),
    getMany: (keys) => adapter.getMany(keys as string[]),
    setMany: (entries) => adapter.setMany(entries as { key: string; value: string }[]),
    clear: () => adapter.clear(),
    iterator: () => adapter.iterator(namespace) as AsyncGenerator<[string, unknown]>,
  };
}

function withErrorEvents(adapter: KeyvRedis<unknown>, namespace: string): Subject {
  return { ...subjectOf(adapter, namespace), onError: (listener) => adapter.on('error', listener) };
}

export async function openAdapter(options: OpenOptions): Promise<Subject> {
  return subjectOf(strictAdapter(options), options.namespace);
}

export async function openUnderKeyv5(options: OpenOptions): Promise<Subject> {
  return underKeyv5(strictAdapter(options), options.namespace);
}

export async function openUnderKeyv6(options: OpenOptions): Promise<Subject> {
  return underKeyv6(strictAdapter(options), options.namespace);
}

export async function openOnCluster({ locations, namespace }: OpenOptions): Promise<Subject> {
  return subjectOf(new KeyvRedis(clusterClient(locations), { namespace, throwOnErrors: true }), namespace);
}

/** With default options, the adapter emits errors, and failed calls resolve with undefined. */
export async function openWithDefaults({ locations, namespace }: OpenOptions): Promise<Subject> {
  return withErrorEvents(new KeyvRedis(`redis://${locations[0]}`, { namespace }), namespace);
}

/** All keys belong to the primary. */
export async function openOnSentinelGroup({ locations, namespace }: OpenOptions): Promise<Subject> {
  const sentinelRootNodes = locations.map((location) => {
    const [host = '', port] = location.split(':');
    return { host, port: Number(port) };
  });
  const sentinel = createSentinel({ name: SENTINEL_GROUP, sentinelRootNodes });
  return withErrorEvents(new KeyvRedis(sentinel, { namespace }), namespace);
}

export async function openOnReplicatedCluster({ locations, namespace }: OpenOptions): Promise<Subject> {
  const cluster = clusterClient(locations);
  return {
    ...withErrorEvents(new KeyvRedis(cluster, { namespace }), namespace),
    ownerOf: (key) => cluster.slots[slotOf(`${namespace}::${key}`)]?.master.address as string,
  };
}
