import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing, type RingNode } from '../src/index.js';

const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];
const KEYS = Array.from({ length: 2000 }, (_, i) => `user:${i}`);

test('an empty ring has no owner for any key', () => {
  const ring = new HashRing();
  expect(ring.get('key')).toBeUndefined();
  expect(ring.getMany(['key'])).toEqual([undefined]);
  expect(ring.getIndex('key')).toBe(-1);
  expect(ring.getManyIndexes(['key', 'other'])).toEqual(Int32Array.of(-1, -1));
  expect(ring.replicas('key', 3)).toEqual([]);
  expect(ring.nodes).toEqual([]);
  expect(ring.size).toBe(0);
});

test('a single node owns every key', () => {
  const ring = new HashRing(['only']);
  expect(KEYS.every((key) => ring.get(key) === 'only')).toBe(true);
});

test('nodes lists names in the order in which they were added', () => {
  const ring = new HashRing(FOUR).add('fifth');
  expect(ring.nodes).toEqual([...FOUR, 'fifth']);
  expect(ring.size).toBe(5);
  expect(ring.has('fifth')).toBe(true);
  expect(ring.remove('fifth')).toBe(true);
  expect(ring.remove('fifth')).toBe(false);
  expect(ring.has('fifth')).toBe(false);
  expect(ring.nodes).toEqual(FOUR);
});

test("a key's owner does not depend on the order in which nodes were added", () => {
  const owners = new HashRing(FOUR).getMany(KEYS).join();
  for (const order of permutations(FOUR)) {
    const ring = new HashRing();
    for (const name of order) ring.add(name);
    expect(ring.getMany(KEYS).join()).toBe(owners);
  }
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

const names = fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1, maxLength: 8 });
const nodes = names.chain((unique) =>
  fc.tuple(
    ...unique.map((name) =>
      fc.record({ name: fc.constant(name), weight: fc.double({ min: 0.1, max: 4, noNaN: true }) }),
    ),
  ),
);

test('adding a node moves keys only to that node, and removing it moves the same keys back', () => {
  fc.assert(
    fc.property(nodes, (all) => {
      const [last, ...others] = all as [RingNode, ...RingNode[]];
      const ring = new HashRing(others);
      const before = ring.getMany(KEYS);
      ring.add(last);
      const between = ring.getMany(KEYS);
      const moved = between.filter((owner, i) => owner !== before[i]);
      expect(moved.filter((owner) => owner !== last.name)).toEqual([]);
      ring.remove(last.name);
      expect(JSON.stringify(ring.getMany(KEYS))).toBe(JSON.stringify(before));
    }),
  );
});

test("a node's share of the keys is proportional to its weight", () => {
  const ring = new HashRing([
    { name: 'a', weight: 1 },
    { name: 'b', weight: 2.5 },
    { name: 'c', weight: 0.5 },
  ]);
  const counts = new Int32Array(3);
  for (const owner of ring.getManyIndexes(Array.from({ length: 40_000 }, (_, i) => `key${i}`))) {
    counts[owner] = (counts[owner] as number) + 1;
  }
  const [a, b, c] = Array.from(counts, (count) => count / 10_000) as [number, number, number];
  expect(Math.abs(a - 1)).toBeLessThan(0.25);
  expect(Math.abs(b - 2.5)).toBeLessThan(0.25);
  expect(Math.abs(c - 0.5)).toBeLessThan(0.25);
});

test('getMany and getManyIndexes return owners in the order of the keys, with duplicates', () => {
  const ring = new HashRing(FOUR);
  const keys = ['b', 'a', 'b', 'c', 'b'];
  const owners = keys.map((key) => ring.get(key));
  expect(ring.getMany(keys)).toEqual(owners);
  expect(Array.from(ring.getManyIndexes(keys), (i) => ring.nodes[i])).toEqual(owners);
  expect(keys.map((key) => ring.nodes[ring.getIndex(key)])).toEqual(owners);
});

test('keys and nodes may have the names of Object.prototype properties', () => {
  const ring = new HashRing(['__proto__', 'constructor', 'toString', 'b']);
  const before = Object.getOwnPropertyNames(Object.prototype);
  for (const key of before) {
    expect(ring.nodes).toContain(ring.get(key));
    expect(ring.get(key)).toBe(ring.get(Buffer.from(key)));
  }
  expect(ring.has('hasOwnProperty')).toBe(false);
  expect(ring.has('__proto__')).toBe(true);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});

test('a string and its UTF-8 bytes have the same owner', () => {
  const ring = new HashRing(FOUR);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      expect(ring.get(Buffer.from(key))).toBe(ring.get(key));
    }),
  );
});

test('update replaces all nodes, and leaves the ring unchanged if it throws', () => {
  const ring = new HashRing(FOUR);
  const owners = ring.getMany(KEYS);
  expect(() => ring.update(['x', 'y', 'x'])).toThrow('the name of a node must be distinct from');
  expect(() => ring.add(FOUR[0] as string)).toThrow('the name of a node must be distinct from');
  expect(ring.nodes).toEqual(FOUR);
  expect(ring.getMany(KEYS)).toEqual(owners);
  expect(ring.update(['x', { name: 'y', weight: 2 }]).getMany(KEYS)).toEqual(
    new HashRing([{ name: 'y', weight: 2 }, 'x']).getMany(KEYS),
  );
  expect(ring.nodes).toEqual(['x', 'y']);
});

test('changing a clone does not change the original', () => {
  const ring = new HashRing(FOUR);
  const copy = ring.clone();
  expect(copy.getMany(KEYS)).toEqual(ring.getMany(KEYS));
  copy.remove(FOUR[0] as string);
  expect(ring.has(FOUR[0] as string)).toBe(true);
  expect(copy.has(FOUR[0] as string)).toBe(false);
});

test('nodes is a frozen snapshot', () => {
  const ring = new HashRing(FOUR);
  const { nodes } = ring;
  ring.add('fifth');
  expect(nodes).toEqual(FOUR);
  expect(Object.isFrozen(nodes)).toBe(true);
});

test('fromJSON restores the ring that toJSON describes, also after JSON.stringify', () => {
  const length = (key: string | Uint8Array) => key.length;
  const some = ['a', { name: 'b', weight: 2.5 }, { name: 'c', zone: 'x' }];
  for (const options of [
    {},
    { placement: 'ketama', hashTag: '{}' },
    { pointsPerNode: 8, hash: length },
  ] as const) {
    const ring = new HashRing(some, options);
    const json = JSON.parse(JSON.stringify(ring));
    const back = HashRing.fromJSON(json, 'hash' in options ? options.hash : undefined);
    expect(back.fingerprint()).toBe(ring.fingerprint());
    expect(back.nodes).toEqual(ring.nodes);
    expect(back.toJSON()).toEqual(ring.toJSON());
  }
  expect(new HashRing(['a']).toJSON()).toEqual({
    nodes: [{ name: 'a', weight: 1 }],
    options: {
      placement: 'independent',
      pointsPerNode: 160,
      hashTag: '',
      hash: 'md5',
      omitMemcachedPort: false,
    },
  });
});
