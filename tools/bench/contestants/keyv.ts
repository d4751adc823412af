import { Keyv as Keyv6, type KeyvStorageAdapter } from 'keyv';
import { Keyv as Keyv5, type KeyvStoreAdapter } from 'keyv5';
import type { Subject } from '../harness/contestant.js';

/** An adapter in front of which either Keyv works, whatever types it declares. */
type Store = object;

export function underKeyv5(store: Store, namespace: string): Subject {
  const keyv = new Keyv5({ store: store as KeyvStoreAdapter, namespace });
  return {
    get: (key) => keyv.get(key),
    set: (key, value, ttlMs) => keyv.set(key, value, ttlMs),
    getMany: (keys) => keyv.getMany(keys as string[]),
    setMany: (entries) => keyv.setMany(entries as { key: string; value: string }[]),
    close: () => keyv.disconnect(),
  };
}

export function underKeyv6(store: Store, namespace: string): Subject {
  const keyv = new Keyv6({ store: store as KeyvStorageAdapter, namespace });
  return {
    get: (key) => keyv.get(key),
    set: (key, value, ttlMs) => keyv.set(key, value, ttlMs),
    getMany: (keys) => keyv.getMany(keys as string[]),
    setMany: (entries) => keyv.setMany(entries as { key: string; value: string }[]),
    close: () => keyv.disconnect(),
  };
}
