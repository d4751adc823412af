import { describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { MAJORS, openKeyv, openStore, sharedRedis } from '../support/index.js';

// A store uses the namespace that was assigned last. Calls in flight keep the namespace that they started
// with.

const KEYS = Array.from({ length: 40 }, (_, number) => `key-${number}`);

/** Changes the namespace after an iterator's first entry. @returns all entries of the iterator */
async function entriesWhile(
  iterator: AsyncGenerator<[key: string, value: unknown]>,
  change: () => void,
): Promise<[string, unknown][]> {
  const entries: [string, unknown][] = [];
  for await (const entry of iterator) {
    if (entries.length === 0) change();
    entries.push(entry);
  }
  return entries.sort();
}

const sorted = (keys: readonly string[]) => keys.map((key): [string, unknown] => [key, key]).sort();

// Regression: iterator() scanned for the prefix that it started with. But from each key, it removed as many
// characters as the new prefix has. If the new namespace was shorter, keys were cut in the wrong place. If it
// was longer, keys were empty.
describe.each([
  ['shorter', 'ap'],
  ['longer', 'app-much-longer-than-any-key'],
  ['none', undefined],
])('iterator() while the namespace becomes %s', (_title, namespace) => {
  test.each(MAJORS)('yields the entries in the earlier namespace under %s', async (_major, major) => {
    const keyv = openKeyv(major, { namespace: 'app-a' }, openStore({ scanCount: 5 }));
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    const entries = await entriesWhile(keyv.iterator(), () => {
      keyv.namespace = namespace;
    });
    expect(entries).toEqual(sorted(KEYS));
  });

  test('yields the entries in the earlier namespace without Keyv', async () => {
    const store = openStore({ namespace: 'app-a', scanCount: 5 });
    await store.setMany(KEYS.map((key) => ({ key, value: key })));
    const entries = await entriesWhile(store.iterator(), () => {
      store.namespace = namespace;
    });
    expect(entries).toEqual(sorted(KEYS));
  });
});

describe('a call that is in flight while the namespace changes uses the earlier namespace', () => {
  /** Starts a call, and changes the namespace before the call ends. */
  const callAndChange = <T>(store: DRedisStore, call: () => Promise<T>): Promise<T> => {
    store.namespace = 'app-a';
    const result = call();
    store.namespace = 'app-b';
    return result;
  };

  test('for set() and setMany()', async () => {
    const store = openStore();
    await callAndChange(store, () => store.set('one', 'value'));
    await callAndChange(store, () => store.setMany([{ key: 'many', value: 'value' }]));
    expect(await sharedRedis.keys()).toEqual(['app-a:many', 'app-a:one']);
  });

  test('for get() and getMany(), even if reads in both namespaces share a batch', async () => {
    const store = openStore();
    await store.withNamespace('app-a').set('key', 'a');
    await store.withNamespace('app-b').set('key', 'b');
    const a = callAndChange(store, () => store.get('key'));
    const b = store.get('key');
    const again = callAndChange(store, () => store.getMany(['key', 'none', 'key']));
    expect(await Promise.all([a, b, again])).toEqual(['a', 'b', ['a', undefined, 'a']]);
  });

  test('for delete(), deleteMany() and clear()', async () => {
    const store = openStore();
    for (const namespace of ['app-a', 'app-b']) {
      await store.withNamespace(namespace).setMany(['1', '2', '3', '4'].map((key) => ({ key, value: key })));
    }
    expect(await callAndChange(store, () => store.delete('1'))).toBe(true);
    expect(await callAndChange(store, () => store.deleteMany(['2', '3']))).toEqual([true, true]);
    await callAndChange(store, () => store.clear());
    expect(await sharedRedis.keys()).toEqual(['1', '2', '3', '4'].map((key) => `app-b:${key}`));
  });
});
