import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing } from '../src/index.js';
import { slowRing } from './support/slow-ring.js';

const KEYS = Array.from({ length: 1000 }, (_, i) => `key:${i}`);

test('points and owners are the same as in a simple implementation', () => {
  const names = ['a', 'bb', 'ü:1', '10.0.0.1:6379', '\u{1f600}'];
  const slow = slowRing(names.map((name) => [name, name, 40]));
  const ring = new HashRing(names);
  expect(Array.from(ring.points())).toEqual(slow.points);
  for (const key of KEYS) expect(ring.get(key)).toBe(slow.owner(ring.pointOf(key)));
});

test('the worked example in the README is right', () => {
  const ring = new HashRing(['a', 'b'], { pointsPerNode: 4 });
  expect(Array.from(ring.points(), ([point, name]) => [point.toString(16), name])).toEqual([
    ['3b092607', 'b'],
    ['4a0e6e59', 'b'],
    ['6f5ff234', 'b'],
    ['9ab32800', 'a'],
    ['a17be196', 'a'],
    ['c54dad95', 'a'],
    ['d1ef65a1', 'a'],
    ['e0361147', 'b'],
  ]);
  const worked = ['hello', 'melon', 'mango'].map((key) => [ring.pointOf(key).toString(16), ring.get(key)]);
  expect(worked).toEqual([
    ['2a40415d', 'b'],
    ['74f22c3a', 'a'],
    ['f9fa00aa', 'b'],
  ]);
});

test('the first point at or after the hash decides the owner, and the smallest point if there is none', () => {
  // Each node has one label, a-0 or b-0, and each key is its own hash.
  const ring = new HashRing(['a', 'b'], { pointsPerNode: 4, hash: (key) => Number(key) });
  const points = Array.from(ring.points());
  const [first, second] = points as [[number, string], [number, string]];
  const last = points.at(-1) as readonly [number, string];
  expect(ring.get(String(first[0]))).toBe(first[1]);
  expect(ring.get(String(first[0] + 1))).toBe(second[1]);
  expect(ring.get(String(second[0]))).toBe(second[1]);
  expect(ring.get('0')).toBe(first[1]);
  expect(ring.get(String(last[0]))).toBe(last[1]);
  expect(ring.get(String(last[0] + 1))).toBe(first[1]);
  expect(ring.get(String(2 ** 32 - 1))).toBe(first[1]);
});

test("a hash that equals a point belongs to that point's node", () => {
  const ring = new HashRing(['a', 'b', 'c']);
  for (const [point, name] of ring.points()) expect(ring.owners(point)[0]).toBe(name);
});

test('an updated ring is the same as a new ring with the same nodes', () => {
  const node = fc.record({ name: fc.constantFrom(...'abcdefghij'), weight: fc.constantFrom(1, 2, 3, 0.5) });
  const sets = fc.array(fc.uniqueArray(node, { selector: ({ name }) => name }), {
    minLength: 2,
    maxLength: 5,
  });
  fc.assert(
    fc.property(sets, fc.constantFrom('ketama', 'independent'), (steps, placement) => {
      const ring = new HashRing([], { placement });
      for (const nodes of steps) {
        ring.update(nodes);
        const fresh = new HashRing(nodes, { placement });
        // Compared as text, because toEqual is a hundred times slower for thousands of pairs.
        expect(Array.from(ring.points()).join('\n')).toBe(Array.from(fresh.points()).join('\n'));
        expect(ring.getMany(KEYS.slice(0, 50))).toEqual(fresh.getMany(KEYS.slice(0, 50)));
      }
    }),
    { numRuns: 50 },
  );
});

/** Pairs of nodes that share a point, found by search. */
const TIES = [
  // If the lengths are equal, the name with the smaller bytes wins. twemproxy 0.5.0 does the same: s0373 owns
  // the keys before this point, although s0742 is listed first and has the shorter label (s0742-7, not
  // s0373-21).
  [3927065451, 's0742', 's0373', 's0373'],
  [4008063072, 'a256', 'b182', 'a256'],
  // The shorter name wins, even if its bytes are larger.
  [4072435030, 'b2176', 'a10183', 'b2176'],
  // Lengths are in bytes: é513 has as many characters as zz31, but more bytes.
  [1922140118, 'é513', 'zz31', 'zz31'],
  // Names are compared as UTF-8 bytes. As UTF-16 units, the second name would win because of its surrogates.
  [3078248964, '\uffeex0056', '\u{1f600}0033', '\uffeex0056'],
] as const;

test.each(TIES)('the point %d, which %s and %s share, belongs to %s', (point, a, b, owner) => {
  for (const names of [
    [a, b],
    [b, a],
  ]) {
    const ring = new HashRing(names);
    expect(Array.from(ring.points()).filter(([at]) => at === point)).toEqual([
      [point, owner],
      [point, owner === a ? b : a],
    ]);
    expect(ring.owners(point)[0]).toBe(owner);
    // If the point's owner is removed, the other node gets the point.
    ring.remove(owner);
    expect(Array.from(ring.points()).filter(([at]) => at === point)).toHaveLength(1);
    ring.add(owner);
    expect(ring.owners(point)[0]).toBe(owner);
  }
});
