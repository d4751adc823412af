import type { Subject } from '../harness/contestant.js';

/** An adapter that works with both Keyv 5 and Keyv 6. Its declared types may fit only one of them. */
type Adapter = object;

// Each Keyv version is imported only when it is used, because a contestant's process must load only its own
// libraries.

export async function underKeyv5(adapter: Adapter, namespace: string): Promise<Subject> {
  const { Keyv } = await import('keyv5');
  return subjectOf(new Keyv({ store: adapter, namespace }) as KeyvLike);
}

export async function underKeyv6(adapter: Adapter, namespace: string): Promise<Subject> {
  const { Keyv } = await import('keyv');
  return subjectOf(new Keyv({ store: adapter as never, namespace }) as KeyvLike);
}

interface KeyvLike {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttl?: number): Promise<unknown>;
  getMany(keys: string[]): Promise<unknown[]>;
  setMany(entries: { key: string; value: unknown }[]): Promise<unknown>;
}

function subjectOf(keyv: KeyvLike): Subject {
  return {
    get: (key) => keyv.get(key),
    set: (key, value, ttlMs) => keyv.set(key, value, ttlMs),
    getMany: (keys) => keyv.getMany(keys as string[]),
    setMany: (entries) => keyv.setMany(entries as { key: string; value: string }[]),
  };
}
