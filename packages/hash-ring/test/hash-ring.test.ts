import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing, type RingNode } from '../src/index.js';

const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];
const KEYS = Array.from({ length: 2000 }, (_, i) => `user:${i}`);

test('an empty ring owns nothing', () => {
  const ring = new HashRing();
  expect(ring.get('key')).toBeUndefined();
  expect(ring.getMany(['key'])).toEqual([undefined]);
  expect(ring.getManyIndexes(['key', 'other'])).toEqual(Int32Array.of(-1, -1));
  expect(ring.replicas('key', 3)).toEqual([]);
  expect(ring.nodes).toEqual([]);
  expect(ring.size).toBe(0);
});

test('a ring of one node owns every key', () => {
  const ring = new HashRing(['only']);
  expect(KEYS.every((key) => ring.get(key) === 'only')).toBe(true);
});

test('knows its nodes in the order in which they were added', () => {
  const ring = new HashRing(FOUR).add('fifth');
  expect(ring.nodes).toEqual([...FOUR, 'fifth']);
  expect(ring.size).toBe(5);
  expect(ring.has('fifth')).toBe(true);
  expect(ring.remove('fifth')).toBe(true);
  expect(ring.remove('fifth')).toBe(false);
  expect(ring.has('fifth')).toBe(false);
  expect(ring.nodes).toEqual(FOUR);
});

test('the order of insertion never matters to an owner', () => {
  const ring = new HashRing(FOUR);
  fc.assert(
    fc.property(fc.shuffledSubarray(FOUR, { minLength: 4 }), (order) => {
      const other = new HashRing();
      for (const name of order) other.add(name);
      expect(other.getMany(KEYS)).toEqual(ring.getMany(KEYS));
    }),
  );
});

const names = fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1, maxLength: 8 });
const nodes = names.chain((unique) =>
  fc.tuple(
    ...unique.map((name) =>
      fc.record({ name: fc.constant(name), weight: fc.double({ min: 0.1, max: 4, noNaN: true }) }),
    ),
  ),
);

test('adding a node moves keys only to it, and removing it moves only its keys, back to where they were', () => {
  fc.assert(
    fc.property(nodes, (all) => {
      const [last, ...others] = all as [RingNode, ...RingNode[]];
      const ring = new HashRing(others);
      const before = ring.getMany(KEYS);
      ring.add(last);
      const between = ring.getMany(KEYS);
      for (const [i, owner] of between.entries()) {
        if (owner !== before[i]) expect(owner).toBe(last.name);
      }
      ring.remove(last.name);
      expect(ring.getMany(KEYS)).toEqual(before);
    }),
  );
});

test('keys spread over the nodes by weight', () => {
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

test('getMany and getManyIndexes answer in the order of the keys, duplicates included', () => {
  const ring = new HashRing(FOUR);
  const keys = ['b', 'a', 'b', 'c', 'b'];
  const owners = keys.map((key) => ring.get(key));
  expect(ring.getMany(keys)).toEqual(owners);
  expect(Array.from(ring.getManyIndexes(keys), (i) => ring.nodes[i])).toEqual(owners);
});

test('replicas are distinct nodes, the owner first, and no more than there are', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS.slice(0, 200)) {
    const three = ring.replicas(key, 3);
    expect(three[0]).toBe(ring.get(key));
    expect(new Set(three).size).toBe(3);
    const all = ring.replicas(key, 9);
    expect(all.slice(0, 3)).toEqual(three);
    expect([...all].sort()).toEqual(FOUR);
  }
  expect(ring.replicas('key', 0)).toEqual([]);
});

test('the next replica is who owns the key once the owner is gone', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS.slice(0, 100)) {
    const [owner, next] = ring.replicas(key, 2) as [string, string];
    const without = ring.clone();
    without.remove(owner);
    expect(without.get(key)).toBe(next);
  }
});

test('keys that are names of Object.prototype are keys like any other', () => {
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

test('text and the same bytes have one owner', () => {
  const ring = new HashRing(FOUR);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      expect(ring.get(Buffer.from(key))).toBe(ring.get(key));
    }),
  );
});

test('update replaces all nodes, and a change that is refused leaves the ring as it was', () => {
  const ring = new HashRing(FOUR);
  const owners = ring.getMany(KEYS);
  expect(() => ring.update(['x', 'y', 'x'])).toThrow('a name must be other than');
  expect(() => ring.add(FOUR[0] as string)).toThrow('a name must be other than');
  expect(ring.nodes).toEqual(FOUR);
  expect(ring.getMany(KEYS)).toEqual(owners);
  expect(ring.update(['x', { name: 'y', weight: 2 }]).getMany(KEYS)).toEqual(
    new HashRing([{ name: 'y', weight: 2 }, 'x']).getMany(KEYS),
  );
  expect(ring.nodes).toEqual(['x', 'y']);
});

test('a clone goes its own way', () => {
  const ring = new HashRing(FOUR);
  const copy = ring.clone();
  expect(copy.getMany(KEYS)).toEqual(ring.getMany(KEYS));
  copy.remove(FOUR[0] as string);
  expect(ring.has(FOUR[0] as string)).toBe(true);
  expect(copy.has(FOUR[0] as string)).toBe(false);
});

test('the list of nodes is a snapshot that nobody can change', () => {
  const ring = new HashRing(FOUR);
  const { nodes } = ring;
  ring.add('fifth');
  expect(nodes).toEqual(FOUR);
  expect(Object.isFrozen(nodes)).toBe(true);
});
