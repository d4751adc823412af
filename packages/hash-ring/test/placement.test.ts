import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing, type RingNode } from '../src/index.js';

const KEYS = Array.from({ length: 1000 }, (_, i) => `key:${i}`);

function pointCounts(ring: HashRing): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(ring.nodes.map((name) => [name, 0]));
  for (const [, name] of ring.points()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Ketama the slow and plain way, with node:crypto and one long list. */
function slowRing(nodes: readonly (readonly [name: string, label: string, count: number])[]) {
  const points = nodes.flatMap(([name, label, count]) =>
    Array.from({ length: count }, (_, i) => createHash('md5').update(`${label}-${i}`).digest()).flatMap(
      (digest) =>
        [0, 4, 8, 12].map((at) => ({ point: digest.readUInt32LE(at), label: Buffer.from(label), name })),
    ),
  );
  points.sort(
    (a, b) => a.point - b.point || a.label.length - b.label.length || Buffer.compare(a.label, b.label),
  );
  return {
    points: points.map(({ point, name }) => [point, name]),
    owner: (hash: number) => (points.find(({ point }) => point >= hash) ?? points[0])?.name,
  };
}

test('the points are those that the rule gives, found the plain way', () => {
  const names = ['a', 'bb', 'ü:1', '10.0.0.1:6379', '\u{1f600}'];
  const slow = slowRing(names.map((name) => [name, name, 40]));
  const ring = new HashRing(names);
  expect(Array.from(ring.points())).toEqual(slow.points);
  for (const key of KEYS) expect(ring.get(key)).toBe(slow.owner(ring.pointOf(key)));
});

test('the example that the README works by hand', () => {
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

test('worked by hand: the first point at or after the hash, and from the largest on to the smallest', () => {
  // One label for each node, a-0 and b-0, and a hash that is the place itself.
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

test('a point belongs to the node before it by one, and not to the node at it plus one', () => {
  const ring = new HashRing(['a', 'b', 'c']);
  for (const [point, name] of ring.points()) expect(ring.owners(point)[0]).toBe(name);
});

test('weights as float32 steps: 25 equal nodes get 39 labels each, and 1, 2, 4, 8, 10 get 7, 15, 31, 63, 80', () => {
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

test('under ketama a node may weigh too little for a point: it owns nothing, as in libmemcached', () => {
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

test('fractional weights get their fraction of the points, and every node at least one label', () => {
  const ring = new HashRing([
    { name: 'half', weight: 0.5 },
    { name: 'one' },
    { name: 'third', weight: 1 / 3 },
    { name: 'dust', weight: 1e-9 },
  ]);
  expect(pointCounts(ring)).toEqual({ half: 80, one: 160, third: 52, dust: 4 });
  expect(pointCounts(new HashRing([{ name: 'a', weight: 2 }], { pointsPerNode: 12 }))).toEqual({ a: 24 });
});

test('under ketama neither the order of nodes nor that of fractional weights matters', () => {
  const nodes: RingNode[] = [0.1, 0.2, 0.3, 0.7, 1.1].map((weight) => ({ name: `w${weight}`, weight }));
  const expected = new HashRing(nodes, { placement: 'ketama' }).fingerprint();
  fc.assert(
    fc.property(fc.shuffledSubarray(nodes, { minLength: 5 }), (order) => {
      expect(new HashRing(order, { placement: 'ketama' }).fingerprint()).toBe(expected);
    }),
  );
});

test('weights so small that only their sum counts are added from the smallest up, in any order of nodes', () => {
  const weights = [1, 2 ** -24, 2 ** -54, 2 ** -54, 2 ** -54, 2 ** -54];
  const nodes = weights.map((weight, i) => ({ name: `w${i}`, weight }));
  for (const order of [nodes, nodes.toReversed()]) {
    // As 32-bit floats all of them weigh 1.0000001, and what weighs 1 gets less than all 240 labels.
    expect(pointCounts(new HashRing(order, { placement: 'ketama' }))['w0']).toBe(239 * 4);
  }
});

test('changes under ketama end where a new ring would', () => {
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
        expect(Array.from(ring.points())).toEqual(Array.from(fresh.points()));
        expect(ring.getMany(KEYS.slice(0, 50))).toEqual(fresh.getMany(KEYS.slice(0, 50)));
      }
    }),
    { numRuns: 50 },
  );
});

/** Nodes that share a point: found by search, as one pair in ten thousand does. */
const TIES = [
  // Equal lengths: the smaller bytes. What twemproxy 0.5.0 does: its s0373 has the keys before this point,
  // though s0742 is listed first and gets the point from a shorter string, s0742-7 and not s0373-21.
  [3927065451, 's0742', 's0373', 's0373'],
  [4008063072, 'a256', 'b182', 'a256'],
  // The shorter name first, though b stands after a.
  [4072435030, 'b2176', 'a10183', 'b2176'],
  // Lengths are those of the bytes: é513 is longer than zz31, equal in characters and longer in bytes.
  [1922140118, 'é513', 'zz31', 'zz31'],
  // Bytes, not UTF-16 units: by those the surrogates of the second name would stand first.
  [3078248964, '\uffeex0056', '\u{1f600}0033', '\uffeex0056'],
] as const;

test.each(TIES)('at the point %d that %s and %s share, %s owns', (point, a, b, owner) => {
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
    // The other one is not forgotten: it owns the point as soon as it is alone there.
    ring.remove(owner);
    expect(Array.from(ring.points()).filter(([at]) => at === point)).toHaveLength(1);
    ring.add(owner);
    expect(ring.owners(point)[0]).toBe(owner);
  }
});

test('memcached: a node at the default port stands on the points of its host, when asked to', () => {
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

test.each([
  ['{user1}:a', 'user1'],
  ['x{user1}y', 'user1'],
  ['{a}{b}', 'a'],
  ['{}{b}', '{}{b}'],
  ['{}', '{}'],
  ['{a', '{a'],
  ['a}b{c}', 'c'],
  ['}{', '}{'],
  ['{{a}}', '{a'],
  ['plain', 'plain'],
  ['', ''],
  ['{é}x', 'é'],
])('the hash tag of %s is %s', (key, hashed) => {
  const whole = new HashRing(['a', 'b', 'c']);
  const tagged = new HashRing(['a', 'b', 'c'], { hashTag: '{}' });
  expect(tagged.pointOf(key)).toBe(whole.pointOf(hashed));
  expect(tagged.pointOf(Buffer.from(key))).toBe(whole.pointOf(hashed));
  expect(tagged.getMany([key])).toEqual([whole.get(hashed)]);
  const seen: unknown[] = [];
  const custom = new HashRing(['a'], { hashTag: '{}', hash: (part) => seen.push(part) });
  custom.get(key);
  expect(seen).toEqual([hashed]);
});

test('one mark may both open and close', () => {
  const ring = new HashRing(['a', 'b'], { hashTag: '$$' });
  expect(ring.pointOf('x$tag$y')).toBe(ring.pointOf('tag'));
});

test('a hash function of the user places keys; an int32 counts as the same bits', () => {
  const ring = new HashRing(['a', 'b', 'c'], { hash: (key) => key.length });
  expect(ring.pointOf('12345')).toBe(5);
  const negative = new HashRing(['a', 'b', 'c'], { hash: () => -1 });
  expect(negative.pointOf('key')).toBe(0xffffffff);
  expect(negative.getMany(['x'])).toEqual(negative.owners(0xffffffff, 1));
});
