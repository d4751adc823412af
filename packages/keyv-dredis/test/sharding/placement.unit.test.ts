import { describe, expect, test } from '@jest/globals';
import type { Node } from '../../src/node/node.js';
import { Placement } from '../../src/sharding/placement.js';
import {
  isClosed,
  type Member,
  missingFor,
  ownerOf,
  snapshotOf,
  Topology,
} from '../../src/sharding/topology.js';

const keys = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const node = (name: string) => ({ name }) as Node;
const [a, b, c] = [node('a'), node('b'), node('c')];
const all: readonly Member[] = [a, b, c].map((each) => ({ node: each, weight: 1 }));
const snapshot = snapshotOf(all);
const ownerNameOf = (key: string, of = snapshot) => ownerOf(key, of).name;
/** The same nodes, with these states and logs. */
const inState = (states: Readonly<Record<string, Partial<Member>>>) =>
  all.map((member) => ({ ...member, ...states[member.node.name] }));

function placement() {
  const topology = new Topology();
  topology.replace(snapshot);
  return new Placement(topology);
}

test("a key's route is its owner", () => {
  for (const key of keys) {
    expect(placement().routeOf(key, snapshot)).toEqual({ node: ownerOf(key, snapshot), source: undefined });
  }
});

test("a multi-key call's requests have the positions of each owner's keys", () => {
  const requests = placement().requestsFor(keys, 100, snapshot);
  const positionsOf = (owner: string) =>
    keys.flatMap((key, index) => (ownerNameOf(key) === owner ? [100 + index] : []));
  expect(requests.map((request) => [request.node.name, request.positions]).sort()).toEqual([
    ['a', positionsOf('a')],
    ['b', positionsOf('b')],
    ['c', positionsOf('c')],
  ]);
});

describe('the keys of a node', () => {
  test.each(['leaving', 'returning'] as const)('that is %s stay its keys, and it is closed', (state) => {
    const closed = snapshotOf(inState({ b: { state } }), { epoch: 1 });
    for (const key of keys) expect(ownerNameOf(key, closed)).toBe(ownerNameOf(key));
    expect([a, b, c].map((each) => isClosed(each, closed))).toEqual([false, true, false]);
  });

  test('that is away are those of the next node, and other keys keep their owner', () => {
    const away = snapshotOf(inState({ b: { state: 'away' } }), { epoch: 2 });
    for (const key of keys) {
      const next = snapshot.ring.replicas(key, 3).find((name) => name !== 'b');
      expect(ownerNameOf(key, away)).toBe(next);
    }
    expect([a, b, c].map((each) => isClosed(each, away))).toEqual([false, false, false]);
  });

  test('that is away are logged under its name, if it has a log', () => {
    const logged = snapshotOf(inState({ b: { state: 'away', log: 'x' } }), { epoch: 2 });
    for (const key of keys) expect(missingFor(key, logged)).toEqual(ownerNameOf(key) === 'b' ? ['b'] : []);
    const unlogged = snapshotOf(inState({ b: { state: 'away' } }), { epoch: 2 });
    for (const key of keys) expect(missingFor(key, unlogged)).toEqual([]);
  });

  test('are logged for each node that is away and comes before their owner', () => {
    const state = { state: 'away', log: 'x' } as const;
    const two = snapshotOf(inState({ a: state, b: state }), { epoch: 2 });
    for (const key of keys) {
      const order = snapshot.ring.replicas(key, 3);
      expect(missingFor(key, two)).toEqual(order.slice(0, order.indexOf('c')));
    }
  });
});

test('a witness votes, and has no keys', () => {
  const witnessed = snapshotOf([...all.slice(0, 2), { node: c, weight: 0 }]);
  expect(new Set(keys.map((key) => ownerNameOf(key, witnessed)))).toEqual(new Set(['a', 'b']));
  expect(witnessed.voters).toEqual([[a, b, c]]);
  expect(witnessed.needsLease).toBe(true);
  expect(witnessed.names).toEqual(['a', 'b', 'c']);
});

test('a node that is away does not vote', () => {
  const away = snapshotOf(inState({ b: { state: 'away' } }), { epoch: 2 });
  expect(away.voters).toEqual([[a, c]]);
  expect(away.needsLease).toBe(false);
  expect(away.allNodes).toEqual([a, b, c]);
});

test('while entries move back to a node, it was away before, and serves its keys', () => {
  const back = snapshotOf(all, { epoch: 4, previous: inState({ b: { state: 'away' } }) });
  expect(back.absences.size).toBe(0);
  expect(back.voters).toEqual([
    [a, b, c],
    [a, c],
  ]);
});
