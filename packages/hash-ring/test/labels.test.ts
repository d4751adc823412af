import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing, type RingNode } from '../src/index.js';
import { slowRing } from './support/slow-ring.js';

function pointCounts(ring: HashRing): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(ring.nodes.map((name) => [name, 0]));
  for (const [, name] of ring.points()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

test('under ketama, 25 equal nodes get 39 labels each, and weights 1, 2, 4, 8, 10 get 7, 15, 31, 63, 80', () => {
  for (const [count, labels] of [
    [4, 40],
    [7, 40],
    [25, 39],
    [47, 39],
    [48, 40],
  ] as const) {
    const equal = new HashRing(
      Array.from({ length: count }, (_, i) => `n${i}`),
      { placement: 'ketama' },
    );
    expect(Object.values(pointCounts(equal))).toEqual(Array(count).fill(labels * 4));
  }
  const weighted = [1, 2, 4, 8, 10].map((weight) => ({ name: `w${weight}`, weight }));
  const ring = new HashRing(weighted, { placement: 'ketama' });
  expect(Object.values(pointCounts(ring))).toEqual([7, 15, 31, 63, 80].map((labels) => labels * 4));
});

test('under ketama, a node whose weight is too small for a point owns nothing', () => {
  const ring = new HashRing(
    [
      { name: 'big', weight: 1000 },
      { name: 'small', weight: 1 },
    ],
    { placement: 'ketama' },
  );
  expect(pointCounts(ring)).toEqual({ big: 316, small: 0 });
  expect(ring.shares().get('small')).toBe(0);
  expect(ring.replicas('key', 2)).toEqual(['big']);
});

test('a fractional weight gives that fraction of the points, and at least one label', () => {
  const ring = new HashRing([
    { name: 'half', weight: 0.5 },
    { name: 'one' },
    { name: 'third', weight: 1 / 3 },
    { name: 'dust', weight: 1e-9 },
  ]);
  expect(pointCounts(ring)).toEqual({ half: 80, one: 160, third: 52, dust: 4 });
  expect(pointCounts(new HashRing([{ name: 'a', weight: 2 }], { pointsPerNode: 12 }))).toEqual({ a: 24 });
});

test('under ketama, points do not depend on the order of nodes with fractional weights', () => {
  const nodes: RingNode[] = [0.1, 0.2, 0.3, 0.7, 1.1].map((weight) => ({ name: `w${weight}`, weight }));
  const expected = new HashRing(nodes, { placement: 'ketama' }).fingerprint();
  fc.assert(
    fc.property(fc.shuffledSubarray(nodes, { minLength: 5 }), (order) => {
      expect(new HashRing(order, { placement: 'ketama' }).fingerprint()).toBe(expected);
    }),
  );
});

test('under ketama, weights are added from the smallest to the largest', () => {
  const weights = [1, 2 ** -24, 2 ** -54, 2 ** -54, 2 ** -54, 2 ** -54];
  const nodes = weights.map((weight, i) => ({ name: `w${i}`, weight }));
  for (const order of [nodes, nodes.toReversed()]) {
    // As a 32-bit float, the sum is 1.0000001, so the node with weight 1 gets fewer than 240 labels.
    expect(pointCounts(new HashRing(order, { placement: 'ketama' }))['w0']).toBe(239 * 4);
  }
});

test('omitMemcachedPort gives host:11211 the points of host', () => {
  const labelled = new HashRing(['10.0.0.1:11211', '10.0.0.2:11212', ':11211'], { omitMemcachedPort: true });
  const slow = slowRing([
    ['10.0.0.1:11211', '10.0.0.1', 40],
    ['10.0.0.2:11212', '10.0.0.2:11212', 40],
    [':11211', ':11211', 40],
  ]);
  expect(Array.from(labelled.points())).toEqual(slow.points);
  expect(pointCounts(new HashRing(['a:11211']))).toEqual({ 'a:11211': 160 });
  expect(new HashRing(['a:11211']).fingerprint()).not.toBe(
    new HashRing(['a:11211'], { omitMemcachedPort: true }).fingerprint(),
  );
});
