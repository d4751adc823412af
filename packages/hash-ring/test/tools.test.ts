import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing, type HashRingOptions, type RingNode } from '../src/index.js';

const KEYS = Array.from({ length: 500 }, (_, i) => `key:${i}`);
const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];

const nodes = fc.uniqueArray(
  fc.record({ name: fc.constantFrom(...'abcdefghijkl'), weight: fc.constantFrom(0.5, 1, 2, 3.7) }),
  { selector: ({ name }) => name, maxLength: 8 },
);

/** What each node owns, counted hash by hash in a space that is small enough: between neighbouring points. */
function slowShares(ring: HashRing): Map<string, number> {
  const points = Array.from(ring.points());
  const shares = new Map(ring.nodes.map((name) => [name, 0]));
  for (const [i, [point, name]] of points.entries()) {
    const before = points.at(i - 1)?.[0] as number;
    const hashes = i === 0 ? point + 2 ** 32 - before : point - before;
    shares.set(name, (shares.get(name) as number) + hashes / 2 ** 32);
  }
  return shares;
}

test('shares are exact: they are the lengths of the arcs, and sum to 1 with nothing rounded', () => {
  fc.assert(
    fc.property(nodes, (some) => {
      const ring = new HashRing(some);
      const shares = ring.shares();
      expect(shares).toEqual(slowShares(ring));
      const sum = Array.from(shares.values()).reduce((a, b) => a + b, 0);
      expect(sum).toBe(some.length === 0 ? 0 : 1);
    }),
  );
});

test('the shares of one and of no node', () => {
  expect(new HashRing(['only']).shares()).toEqual(new Map([['only', 1]]));
  expect(new HashRing().shares()).toEqual(new Map());
});

test('movement is exact: what a node gains or loses by it is the difference of its shares', () => {
  fc.assert(
    fc.property(nodes, nodes, (before, after) => {
      const from = new HashRing(before);
      const to = new HashRing(after);
      const { fraction, flows } = from.movement(to);
      const change = new Map<string | undefined, number>();
      for (const flow of flows) {
        expect(flow.from).not.toBe(flow.to);
        expect(flow.fraction).toBeGreaterThan(0);
        change.set(flow.from, (change.get(flow.from) ?? 0) - flow.fraction);
        change.set(flow.to, (change.get(flow.to) ?? 0) + flow.fraction);
      }
      for (const name of new Set([...from.nodes, ...to.nodes])) {
        expect(change.get(name) ?? 0).toBe((to.shares().get(name) ?? 0) - (from.shares().get(name) ?? 0));
      }
      expect(flows.map((flow) => flow.fraction)).toEqual(
        flows.map((flow) => flow.fraction).sort((a, b) => b - a),
      );
      expect(fraction).toBe(flows.reduce((sum, flow) => sum + flow.fraction, 0));
      for (const key of KEYS.slice(0, 50)) {
        const moves = from.get(key) !== to.get(key);
        if (moves) {
          expect(flows.some((flow) => flow.from === from.get(key) && flow.to === to.get(key))).toBe(true);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a new node takes its share from the others, and nothing else moves', () => {
  const ring = new HashRing(FOUR);
  const grown = ring.clone().add('10.0.0.5:6379');
  const { fraction, flows } = ring.movement(grown);
  expect(fraction).toBe(grown.shares().get('10.0.0.5:6379'));
  expect(flows.map(({ from }) => from).sort()).toEqual(FOUR);
  expect(new Set(flows.map(({ to }) => to))).toEqual(new Set(['10.0.0.5:6379']));
  expect(ring.movement(ring.clone())).toEqual({ fraction: 0, flows: [] });
});

test('from nobody and to nobody', () => {
  const one = new HashRing(['a']);
  expect(new HashRing().movement(one)).toEqual({
    fraction: 1,
    flows: [{ from: undefined, to: 'a', fraction: 1 }],
  });
  expect(one.movement(new HashRing())).toEqual({
    fraction: 1,
    flows: [{ from: 'a', to: undefined, fraction: 1 }],
  });
  expect(new HashRing().movement(new HashRing())).toEqual({ fraction: 0, flows: [] });
});

test('owners of a point are the replicas of every key that is hashed there', () => {
  const ring = new HashRing(FOUR);
  for (const key of KEYS.slice(0, 100)) {
    expect(ring.owners(ring.pointOf(key))).toEqual(ring.replicas(key, 4));
    expect(ring.owners(ring.pointOf(key), 2)).toEqual(ring.replicas(key, 2));
  }
  expect(new HashRing().owners(7)).toEqual([]);
});

test('replicas spread over zones, in turns, and keep the clockwise order in each turn', () => {
  const zones: Record<string, string> = { a: 'x', b: 'x', c: 'x', d: 'y', e: 'y', f: 'z' };
  const plain = new HashRing(Object.keys(zones));
  const zoned = new HashRing(Object.entries(zones).map(([name, zone]) => ({ name, zone })));
  for (const key of KEYS.slice(0, 200)) {
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

test('nodes without a zone share their fate with no other', () => {
  const ring = new HashRing(['a', 'b', { name: 'c', zone: 'x' }, { name: 'd', zone: 'x' }]);
  for (const key of KEYS.slice(0, 100)) {
    const three = ring.replicas(key, 3);
    expect(three).not.toEqual(expect.arrayContaining(['c', 'd']));
  }
});

/** The same in every process and version. A change of these numbers is a change of placement: a major one. */
test.each<[string, Iterable<string | RingNode>, HashRingOptions]>([
  ['1edcdfc5c8cf3eb2b696b84136a600b0', [], {}],
  ['ab73b1a336e0cc083a52969f08be9839', FOUR, {}],
  ['ee4c65cdd607edc48a217a251ab724b0', FOUR, { placement: 'ketama' }],
  [
    '9f2ab192c8cdb7f28f81bc24154b8e66',
    [{ name: 'a', weight: 0.5, zone: 'x' }, 'b'],
    { pointsPerNode: 8, hashTag: '{}' },
  ],
  ['7db4e5063427ce9749a6e946cc897807', ['a:11211'], { omitMemcachedPort: true, hash: (key) => key.length }],
])('golden fingerprint %s', (expected, some, options) => {
  const ring = new HashRing(some, options);
  expect(ring.fingerprint()).toBe(expected);
  expect(new HashRing(Array.from(some).reverse(), options).fingerprint()).toBe(expected);
});

test('the fingerprint tells apart whatever decides on owners', () => {
  const ring = new HashRing(FOUR);
  const others = [
    new HashRing(FOUR.slice(1)),
    new HashRing(FOUR.with(0, 'other')),
    new HashRing([{ name: FOUR[0] as string, weight: 2 }, ...FOUR.slice(1)]),
    new HashRing([{ name: FOUR[0] as string, weight: 1.001 }, ...FOUR.slice(1)]),
    new HashRing([{ name: FOUR[0] as string, zone: 'x' }, ...FOUR.slice(1)]),
    new HashRing(FOUR, { placement: 'ketama' }),
    new HashRing(FOUR, { pointsPerNode: 164 }),
    new HashRing(FOUR, { hashTag: '{}' }),
    new HashRing(FOUR, { hashTag: '[]' }),
    new HashRing(FOUR, { omitMemcachedPort: true }),
    new HashRing(FOUR, { hash: (key) => key.length }),
    new HashRing(FOUR, { hash: (key) => key.length + 1 }),
  ];
  const prints = [ring, ...others].map((each) => each.fingerprint());
  expect(new Set(prints).size).toBe(prints.length);
  expect(ring.clone().add('x').fingerprint()).not.toBe(ring.fingerprint());
});

test('JSON brings the ring back, also through text', () => {
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
