import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing } from '../src/index.js';

const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];
/** Fewer points make the property tests faster. Results are exact for any number of points. */
const FEW_POINTS = { pointsPerNode: 40 };
const KEYS = Array.from({ length: 50 }, (_, i) => `key:${i}`);

const nodes = fc.uniqueArray(
  fc.record({ name: fc.constantFrom(...'abcdefghijkl'), weight: fc.constantFrom(0.5, 1, 2, 3.7) }),
  { selector: ({ name }) => name, maxLength: 8 },
);

/** Each node's share: the sum of the distances between its points and the points before them. */
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

test('shares are the exact lengths of the arcs, and their sum is exactly 1', () => {
  fc.assert(
    fc.property(nodes, (some) => {
      const ring = new HashRing(some, FEW_POINTS);
      const shares = ring.shares();
      expect(shares).toEqual(slowShares(ring));
      const sum = Array.from(shares.values()).reduce((a, b) => a + b, 0);
      expect(sum).toBe(some.length === 0 ? 0 : 1);
    }),
  );
});

test('the only node has a share of 1, and an empty ring has no shares', () => {
  expect(new HashRing(['only']).shares()).toEqual(new Map([['only', 1]]));
  expect(new HashRing().shares()).toEqual(new Map());
});

test('movement between two rings is exactly the difference between their shares', () => {
  fc.assert(
    fc.property(nodes, nodes, (before, after) => {
      const from = new HashRing(before, FEW_POINTS);
      const to = new HashRing(after, FEW_POINTS);
      const { fraction, flows } = from.movement(to);
      const change = new Map<string | undefined, number>();
      expect(flows.filter((flow) => flow.from === flow.to || flow.fraction <= 0)).toEqual([]);
      for (const flow of flows) {
        change.set(flow.from, (change.get(flow.from) ?? 0) - flow.fraction);
        change.set(flow.to, (change.get(flow.to) ?? 0) + flow.fraction);
      }
      const sharesBefore = from.shares();
      const sharesAfter = to.shares();
      for (const name of new Set([...from.nodes, ...to.nodes])) {
        expect(change.get(name) ?? 0).toBe((sharesAfter.get(name) ?? 0) - (sharesBefore.get(name) ?? 0));
      }
      expect(flows.map((flow) => flow.fraction)).toEqual(
        flows.map((flow) => flow.fraction).sort((a, b) => b - a),
      );
      expect(fraction).toBe(flows.reduce((sum, flow) => sum + flow.fraction, 0));
      const moves = KEYS.map((key) => [from.get(key), to.get(key)]).filter(([a, b]) => a !== b);
      const unforeseen = moves.filter(([a, b]) => !flows.some((flow) => flow.from === a && flow.to === b));
      expect(unforeseen).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test('a new node takes its share from the other nodes, and nothing else moves', () => {
  const ring = new HashRing(FOUR);
  const grown = ring.clone().add('10.0.0.5:6379');
  const { fraction, flows } = ring.movement(grown);
  expect(fraction).toBe(grown.shares().get('10.0.0.5:6379'));
  expect(flows.map(({ from }) => from).sort()).toEqual(FOUR);
  expect(new Set(flows.map(({ to }) => to))).toEqual(new Set(['10.0.0.5:6379']));
  expect(ring.movement(ring.clone())).toEqual({ fraction: 0, flows: [] });
});

test('movement from or to an empty ring has undefined in place of a node', () => {
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
