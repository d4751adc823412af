import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import { keyPrefix, physicalKey, scanPattern } from '../../src/format/keyspace.js';

let redis: RedisServers;
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
  client = createClient({ socket: { host: '127.0.0.1', port: redis.servers[0]?.port as number } });
  await client.connect();
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

/** What Redis makes of the pattern, with no check of the prefix after it. */
async function matching(pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1000 })) {
    for (const key of keys) found.add(key);
  }
  return [...found].sort();
}

describe('a pattern matches the keys of its own namespace and no others', () => {
  // Each namespace is, read as a glob, a pattern that would match keys of others in the list.
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

  test('side by side on one server', async () => {
    await client.flushDb();
    const keysOf = (namespace: string) =>
      ['1', '*', 'x]', ''].map((key) => physicalKey(keyPrefix(namespace, 'default'), key)).sort();
    await client.mSet(namespaces.flatMap(keysOf).map((key) => [key, ''] as [string, string]));

    for (const namespace of namespaces) {
      expect(await matching(scanPattern(keyPrefix(namespace, 'default')))).toEqual(keysOf(namespace));
    }
  });

  test('whatever two namespaces are called', async () => {
    const namespace = fc.string({
      unit: fc.constantFrom('\\', '*', '?', '[', ']', '^', '-', 'a', 'b', ':', '%'),
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(namespace, namespace, async (one, other) => {
        fc.pre(one !== other);
        await client.flushDb();
        const own = physicalKey(keyPrefix(one, 'default'), 'key');
        await client.mSet([
          [own, ''],
          [physicalKey(keyPrefix(other, 'default'), 'key'), ''],
        ]);
        expect(await matching(scanPattern(keyPrefix(one, 'default')))).toEqual([own]);
      }),
    );
  });
});
