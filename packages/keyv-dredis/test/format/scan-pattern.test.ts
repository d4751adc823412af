import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULTS } from '../../src/config/options.js';
import { keyPrefix, physicalKey, scanPattern } from '../../src/format/keyspace.js';
import { connectClient, startServer } from '../support/index.js';

let client: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  const { location } = await startServer();
  client = await connectClient(location);
});

/** Returns the keys that match a pattern in Redis. */
async function matching(pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1000 })) {
    for (const key of keys) found.add(key);
  }
  return [...found].sort();
}

describe('a SCAN pattern matches only keys in its own namespace', () => {
  // If used as a glob, each namespace would match keys in other namespaces.
  const namespaces = [
    '*',
    '**',
    '?',
    'a',
    'ab',
    'a*',
    'a?',
    'a[a-z]',
    'a[^b]',
    '[^b]b',
    '[a',
    'a]',
    '\\',
    '\\*',
    'a\\b',
    '\\a',
    'a-z',
    '^a',
    'a^',
    'a:b',
    'a%3Ab',
    'ü?',
  ];

  test('with 22 similar namespaces on one server', async () => {
    await client.flushDb();
    const keysOf = (namespace: string) =>
      ['1', '*', 'x]', ''].map((key) => physicalKey(keyPrefix(namespace, DEFAULTS), key)).sort();
    await client.mSet(namespaces.flatMap(keysOf).map((key) => [key, ''] as [string, string]));

    for (const namespace of namespaces) {
      expect(await matching(scanPattern(keyPrefix(namespace, DEFAULTS)))).toEqual(keysOf(namespace));
    }
  });

  test('with any two namespaces made of special characters', async () => {
    const namespace = fc.string({
      unit: fc.constantFrom('\\', '*', '?', '[', ']', '^', '-', 'a', 'b', ':', '%'),
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(namespace, namespace, async (one, other) => {
        fc.pre(one !== other);
        await client.flushDb();
        const own = physicalKey(keyPrefix(one, DEFAULTS), 'key');
        await client.mSet([
          [own, ''],
          [physicalKey(keyPrefix(other, DEFAULTS), 'key'), ''],
        ]);
        expect(await matching(scanPattern(keyPrefix(one, DEFAULTS)))).toEqual([own]);
      }),
    );
  });
});
