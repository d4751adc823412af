import { expect, test } from '@jest/globals';
import { HashRing } from '../src/index.js';

const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];
const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);

test('replicas() returns distinct nodes, the owner first, and at most all nodes', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS) {
    const three = ring.replicas(key, 3);
    expect(three[0]).toBe(ring.get(key));
    expect(new Set(three).size).toBe(3);
    const all = ring.replicas(key, 9);
    expect(all.slice(0, 3)).toEqual(three);
    expect([...all].sort()).toEqual(FOUR);
  }
  expect(ring.replicas('key', 0)).toEqual([]);
});

test('the second replica owns the key after its owner is removed', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS.slice(0, 100)) {
    const [owner, next] = ring.replicas(key, 2) as [string, string];
    const without = ring.clone();
    without.remove(owner);
    expect(without.get(key)).toBe(next);
  }
});

test('owners() returns the same nodes for a hash as replicas() for every key with that hash', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS.slice(0, 100)) {
    expect(ring.owners(ring.pointOf(key))).toEqual(ring.replicas(key, 4));
    expect(ring.owners(ring.pointOf(key), 2)).toEqual(ring.replicas(key, 2));
  }
  expect(new HashRing().owners(7)).toEqual([]);
});

test('replicas() alternates between zones, in clockwise order within each round', () => {
  const zones: Record<string, string> = { a: 'x', b: 'x', c: 'x', d: 'y', e: 'y', f: 'z' };
  const plain = new HashRing(Object.keys(zones));
  const zoned = new HashRing(Object.entries(zones).map(([name, zone]) => ({ name, zone })));
  for (const key of KEYS) {
    const clockwise = plain.replicas(key, 6);
    const turns: string[][] = [[], [], []];
    const seen: Record<string, number> = {};
    for (const name of clockwise) {
      const zone = zones[name] as string;
      seen[zone] = (seen[zone] ?? -1) + 1;
      turns[seen[zone]]?.push(name);
    }
    for (const count of [0, 1, 2, 3, 4, 6, 9]) {
      const expected = turns.flat().slice(0, count);
      expect(zoned.replicas(key, count)).toEqual(expected);
      expect(plain.replicas(key, count, { zoneOf: (name) => zones[name] })).toEqual(expected);
      expect(zoned.replicas(key, count, { zoneOf: () => undefined })).toEqual(clockwise.slice(0, count));
    }
  }
});

test('each node without a zone counts as a separate zone', () => {
  const ring = new HashRing(['a', 'b', { name: 'c', zone: 'x' }, { name: 'd', zone: 'x' }]);
  for (const key of KEYS.slice(0, 100)) {
    const three = ring.replicas(key, 3);
    expect(three).not.toEqual(expect.arrayContaining(['c', 'd']));
  }
});
