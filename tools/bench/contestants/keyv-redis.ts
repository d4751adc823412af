import KeyvRedis, { createCluster } from '@keyv/redis';
import type { OpenOptions, Subject } from '../harness/contestant.js';
import { slotOf } from '../harness/load-keys.js';
import { underKeyv5, underKeyv6 } from './keyv.js';

const adapter = ({ locations, namespace }: OpenOptions) =>
  new KeyvRedis(`redis://${locations[0]}`, { namespace, throwOnErrors: true, throwOnConnectError: true });

function bare(store: KeyvRedis<unknown>, namespace: string): Subject {
  return {
    get: (key) => store.get(key),
    set: (key, value, ttlMs) => store.set(key, value, ttlMs),
    getMany: (keys) => store.getMany(keys as string[]),
    setMany: (entries) => store.setMany(entries as { key: string; value: string }[]),
    clear: () => store.clear(),
    iterator: () => store.iterator(namespace) as AsyncGenerator<[string, unknown]>,
    close: () => store.disconnect(),
  };
}

export async function openBare(options: OpenOptions): Promise<Subject> {
  return bare(adapter(options), options.namespace);
}

/** As its users have it: errors are events, and their calls answer undefined. */
export async function openWithDefaults({ locations, namespace }: OpenOptions): Promise<Subject> {
  return telling(new KeyvRedis(`redis://${locations[0]}`, { namespace }), namespace);
}

function telling(store: KeyvRedis<unknown>, namespace: string): Subject {
  return { ...bare(store, namespace), onError: (listener) => store.on('error', listener) };
}

export async function openUnderKeyv5(options: OpenOptions): Promise<Subject> {
  return underKeyv5(adapter(options), options.namespace);
}

export async function openUnderKeyv6(options: OpenOptions): Promise<Subject> {
  return underKeyv6(adapter(options), options.namespace);
}

export async function openOnCluster({ locations, namespace }: OpenOptions): Promise<Subject> {
  return bare(new KeyvRedis(clusterOf(locations), { namespace, throwOnErrors: true }), namespace);
}

export async function openOnReplicated({ locations, namespace }: OpenOptions): Promise<Subject> {
  const cluster = clusterOf(locations);
  return {
    ...telling(new KeyvRedis(cluster, { namespace }), namespace),
    ownerOf: (key) => cluster.slots[slotOf(`${namespace}::${key}`)]?.master.address as string,
  };
}

function clusterOf(locations: readonly string[]) {
  return createCluster({ rootNodes: locations.map((location) => ({ url: `redis://${location}` })) });
}
