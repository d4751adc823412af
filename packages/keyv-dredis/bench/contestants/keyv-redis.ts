import KeyvRedis, { createCluster } from '@keyv/redis';
import type { OpenOptions, Subject } from '../harness/contestant.js';
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

export async function openUnderKeyv5(options: OpenOptions): Promise<Subject> {
  return underKeyv5(adapter(options), options.namespace);
}

export async function openUnderKeyv6(options: OpenOptions): Promise<Subject> {
  return underKeyv6(adapter(options), options.namespace);
}

export async function openOnCluster({ locations, namespace }: OpenOptions): Promise<Subject> {
  const cluster = createCluster({ rootNodes: locations.map((location) => ({ url: `redis://${location}` })) });
  return bare(new KeyvRedis(cluster, { namespace, throwOnErrors: true }), namespace);
}
