import { describe, expect, test } from '@jest/globals';
import type { Node } from '../../src/node/node.js';
import { type FallbackPlacement, Placement } from '../../src/sharding/placement.js';
import { ownerOf, snapshotOf, Topology } from '../../src/sharding/topology.js';

const keys = Array.from({ length: 50 }, (_, number) => `key-${number}`);

/**
 * Makes a placement over nodes `a`, `b` and `c`. The listed nodes are unavailable. If `fallbackTo` is set,
 * that node is the fallback for every key.
 */
function placementWith({ unavailable = [] as string[], fallbackTo = undefined as string | undefined } = {}) {
  const nodes = ['a', 'b', 'c'].map(
    (name) => ({ name, isAvailable: !unavailable.includes(name) }) as unknown as Node,
  );
  const topology = new Topology();
  topology.replace(snapshotOf(nodes.map((node) => [node, 1])));
  const fallbackNode = nodes.find(({ name }) => name === fallbackTo);
  const fallback: FallbackPlacement = {
    fallbackFor: (key) => fallbackNode && { node: fallbackNode, key: `fallback ${key}`, isFallback: true },
    prefixesOf: (prefix) => [prefix],
  };
  const { snapshot } = topology;
  const ownerNameOf = (key: string) => ownerOf(key, snapshot).name;
  return { placement: new Placement(topology, fallback), snapshot, ownerNameOf };
}

describe("a key's route", () => {
  test('is the owner while the owner is available, even with a fallback', () => {
    const { placement, snapshot, ownerNameOf } = placementWith({ fallbackTo: 'a' });
    for (const key of keys) {
      const { node, ...rest } = placement.routeOf(key, snapshot);
      expect([node.name, rest]).toEqual([ownerNameOf(key), { key, isFallback: false }]);
    }
  });

  test('is the fallback while the owner is unavailable', () => {
    const { placement, snapshot, ownerNameOf } = placementWith({ unavailable: ['b'], fallbackTo: 'c' });
    const key = keys.find((each) => ownerNameOf(each) === 'b') as string;
    const { node, ...rest } = placement.routeOf(key, snapshot);
    expect([node.name, rest]).toEqual(['c', { key: `fallback ${key}`, isFallback: true }]);
  });

  test('is the unavailable owner if there is no fallback', () => {
    const { placement, snapshot, ownerNameOf } = placementWith({ unavailable: ['b'] });
    const key = keys.find((each) => ownerNameOf(each) === 'b') as string;
    expect(placement.routeOf(key, snapshot)).toMatchObject({ node: { name: 'b' }, key, isFallback: false });
  });
});

describe("a multi-key call's requests", () => {
  test("send an unavailable owner's keys to the fallback, separately from the fallback's own keys", () => {
    const { placement, snapshot, ownerNameOf } = placementWith({ unavailable: ['b'], fallbackTo: 'c' });
    const requests = placement.requestsFor(keys, 100, snapshot);
    const positionsOf = (owner: string) =>
      keys.flatMap((key, index) => (ownerNameOf(key) === owner ? [100 + index] : []));
    expect(
      requests.map(({ node, isFallback, positions }) => [node.name, isFallback, positions]).sort(),
    ).toEqual([
      ['a', false, positionsOf('a')],
      ['c', false, positionsOf('c')],
      ['c', true, positionsOf('b')],
    ]);
    const fallbackRequest = requests.find(({ isFallback }) => isFallback);
    expect(fallbackRequest?.keys).toEqual(
      positionsOf('b').map((position) => `fallback ${keys[position - 100]}`),
    );
  });

  test('go to unavailable owners if there is no fallback', () => {
    const { placement, snapshot } = placementWith({ unavailable: ['a', 'b'] });
    const requests = placement.requestsFor(keys, 0, snapshot);
    expect(requests.map(({ node, isFallback }) => [node.name, isFallback]).sort()).toEqual([
      ['a', false],
      ['b', false],
      ['c', false],
    ]);
  });
});
