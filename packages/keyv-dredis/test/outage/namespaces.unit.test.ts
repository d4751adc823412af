import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import type { Node } from '../../src/node/node.js';
import { NamespacesInUse } from '../../src/outage/namespaces.js';
import type { PrefixLists } from '../../src/outage/prefix-lists.js';

const up = { status: { state: 'up' } } as Node;

/** Registers prefixes on a node. @returns the prefixes that are added to the node's list */
async function register(namespaces: NamespacesInUse, node = up): Promise<string[]> {
  const added: string[] = [];
  const add = async (prefixes: Iterable<string>) => void added.push(...prefixes);
  await namespaces.register(node, { open: add, add } as unknown as PrefixLists);
  return added;
}

describe('namespaces in use', () => {
  test('are registered on each node, once for all stores that use them', async () => {
    const namespaces = new NamespacesInUse(false);
    namespaces.use({}, new Set(['before:']));
    const added = await register(namespaces);
    namespaces.use({}, new Set(['before:', 'after:']));
    namespaces.use({}, new Set(['after:']));
    expect(added).toEqual(['before:', 'after:']);
  });

  test('are not registered on a node that is down, because its recovery does that', async () => {
    const namespaces = new NamespacesInUse(false);
    const added = await register(namespaces, { status: { state: 'down' } } as Node);
    namespaces.use({}, new Set(['a:']));
    expect(added).toEqual([]);
  });

  test('are forgotten when their last store is released', () => {
    const namespaces = new NamespacesInUse(false);
    const [one, other] = [{}, {}];
    namespaces.use(one, new Set(['a:', 'b:']));
    namespaces.use(other, new Set(['a:']));
    namespaces.release(one);
    namespaces.release(one);
    expect([...namespaces.prefixes]).toEqual(['a:']);
    namespaces.release(other);
    expect([...namespaces.prefixes]).toEqual([]);
  });

  test('are forgotten when their store changes its namespace', () => {
    const namespaces = new NamespacesInUse(false);
    const store = {};
    for (const prefix of ['a:', 'b:', 'c:']) namespaces.use(store, new Set([prefix]));
    expect([...namespaces.prefixes]).toEqual(['c:']);
  });

  test('are forgotten when their store is garbage collected', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const namespaces = new NamespacesInUse(false);
    const kept = {};
    namespaces.use(kept, new Set(['kept:']));
    for (let number = 0; number < 100; number += 1) namespaces.use({}, new Set([`dropped-${number}:`]));
    while (namespaces.prefixes.size > 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect([...namespaces.prefixes]).toEqual(['kept:']);
    namespaces.release(kept);
  });

  test('that were released are registered again only after a recovery or after 1,000 others', async () => {
    const namespaces = new NamespacesInUse(false);
    const added = await register(namespaces);
    const useOnce = (prefix: string) => {
      const store = {};
      namespaces.use(store, new Set([prefix]));
      namespaces.release(store);
    };
    useOnce('a:');
    useOnce('a:');
    expect(added).toEqual(['a:']);
    for (let number = 0; number < 1000; number += 1) useOnce(`${number}:`);
    useOnce('a:');
    expect(added.filter((prefix) => prefix === 'a:')).toHaveLength(2);
    const afterRestart = await register(namespaces);
    expect(afterRestart).toEqual([]);
    useOnce('a:');
    expect(afterRestart).toEqual(['a:']);
  });
});
