import { describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { MAJORS, workbench } from '../support/keyvs.js';

// A store takes its namespace from whoever assigned it last. What was begun before keeps the one before.

const bench = workbench(1);
const { openStore, openKeyv } = bench;

const KEYS = Array.from({ length: 40 }, (_, number) => `key-${number}`);

/** What an iterator yields when the namespace changes after the first entry. */
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

// iterator() found its keys under the prefix that it began with, and cut them where the prefix of the moment
// ends: `key-1` became `t-a:key-1` when the new namespace was the shorter one, and nothing when it was long.
describe.each([
  ['shorter', 'contra'],
  ['longer', 'contract-much-longer-than-any-key'],
  ['none', undefined],
])('an iterator that is under way when the namespace becomes %s', (_title, namespace) => {
  test.each(MAJORS)('of %s goes on with the keys of the one before', async (_major, major) => {
    const keyv = openKeyv(major, { namespace: 'contract-a' }, openStore({ scanCount: 5 }));
    await keyv.setMany(KEYS.map((key) => ({ key, value: key })));
    const entries = await entriesWhile(keyv.iterator(), () => {
      keyv.namespace = namespace;
    });
    expect(entries).toEqual(sorted(KEYS));
  });

  test('without Keyv as well', async () => {
    const store = openStore({ namespace: 'contract-a', scanCount: 5 });
    await store.setMany(KEYS.map((key) => ({ key, value: key })));
    const entries = await entriesWhile(store.iterator(), () => {
      store.namespace = namespace;
    });
    expect(entries).toEqual(sorted(KEYS));
  });
});

describe('a call that is under way when the namespace changes ends in the one before', () => {
  /** Makes a call, and changes the namespace before it is answered. */
  const begin = <T>(store: DRedisStore, call: () => Promise<T>): Promise<T> => {
    store.namespace = 'contract-a';
    const answer = call();
    store.namespace = 'contract-b';
    return answer;
  };

  test('a write', async () => {
    const store = openStore();
    await begin(store, () => store.set('one', 'value'));
    await begin(store, () => store.setMany([{ key: 'many', value: 'value' }]));
    expect(await bench.redis.keys('')).toEqual(['contract-a:many', 'contract-a:one']);
  });

  test('reads of one turn, each from its own', async () => {
    const store = openStore();
    await store.withNamespace('contract-a').set('key', 'a');
    await store.withNamespace('contract-b').set('key', 'b');
    const a = begin(store, () => store.get('key'));
    const b = store.get('key');
    const again = begin(store, () => store.getMany(['key', 'none', 'key']));
    expect(await Promise.all([a, b, again])).toEqual(['a', 'b', ['a', undefined, 'a']]);
  });

  test('a removal', async () => {
    const store = openStore();
    for (const namespace of ['contract-a', 'contract-b']) {
      await store.withNamespace(namespace).setMany(['1', '2', '3', '4'].map((key) => ({ key, value: key })));
    }
    expect(await begin(store, () => store.delete('1'))).toBe(true);
    expect(await begin(store, () => store.deleteMany(['2', '3']))).toEqual([true, true]);
    await begin(store, () => store.clear());
    expect(await bench.redis.keys('')).toEqual(['1', '2', '3', '4'].map((key) => `contract-b:${key}`));
  });
});
