import { describe, expect, test } from '@jest/globals';
import {
  awayIn,
  decisionsIn,
  isPassing,
  isReplaceable,
  isReturn,
  namesIn,
  presentOf,
  returningNode,
  withAway,
  withLeaving,
  withMoveBack,
  withObjection,
  withoutPrevious,
  withReturning,
  withStatesOf,
} from '../../src/membership/node-states.js';
import { recordedNodes } from '../support/nodes.js';

const nodes = recordedNodes(['a', 'b', 'c', 'd']);
const start = { nodes, previous: undefined };
const away = withAway(withLeaving(start, 'b', 'log'), 'b');
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe('a node', () => {
  test('goes away and returns', () => {
    const leaving = withLeaving(start, 'b', 'log');
    expect(namesIn(leaving, 'leaving')).toEqual(['b']);
    expect(names(presentOf(leaving.nodes))).toEqual(['a', 'b', 'c', 'd']);
    expect(names(presentOf(away.nodes))).toEqual(['a', 'c', 'd']);
    const returning = withReturning(away, 'b');
    expect(namesIn(returning, 'returning')).toEqual(['b']);
    const back = withMoveBack(returning, 'b');
    expect(isReturn(back)).toBe(true);
    expect(returningNode(back)).toMatchObject({ name: 'b', log: 'log' });
    expect(awayIn(back)).toEqual(new Set());
    expect(withoutPrevious(back)).toEqual(start);
  });

  test('serves its keys again after an objection', () => {
    expect(withObjection(withLeaving(start, 'b', 'log'), 'b')).toEqual(start);
    expect(withObjection(away, 'b')).toEqual(away);
  });

  test('that is lost while entries move back to it is away again, without a log', () => {
    const back = withMoveBack(withReturning(away, 'b'), 'b');
    const lost = withAway(withLeaving(back, 'b', 'other'), 'b');
    expect(lost.previous).toBeUndefined();
    expect(lost.nodes).toEqual(
      nodes.map((node) => (node.name === 'b' ? { ...node, state: 'away', log: undefined } : node)),
    );
  });

  test('that is lost while an operator moves entries is away in both rings', () => {
    const moving = { nodes: recordedNodes(['a', 'b', 'c', 'e']), previous: nodes };
    const lost = withAway(withLeaving(moving, 'b', 'log'), 'b');
    expect(lost.previous).toHaveLength(4);
    expect([...awayIn(lost)]).toEqual(['b']);
    for (const list of [lost.nodes, lost.previous ?? []]) {
      expect(list.find(({ name }) => name === 'b')).toMatchObject({ state: 'away', log: undefined });
    }
  });

  test('can be replaced only if another node with a weight is left', () => {
    expect(isReplaceable(start, 'b')).toBe(true);
    const witnessed = [...recordedNodes(['a', 'b']), ...recordedNodes(['c'], 0)];
    const one = withAway(withLeaving({ nodes: witnessed, previous: undefined }, 'b', 'log'), 'b');
    expect(isReplaceable(one, 'a')).toBe(false);
  });
});

test('stores finish by themselves what is leaving, returning or moving back, but not what is away', () => {
  expect(isPassing(start)).toBe(false);
  expect(isPassing(away)).toBe(false);
  expect(isPassing(withLeaving(start, 'b', 'log'))).toBe(true);
  expect(isPassing(withReturning(away, 'b'))).toBe(true);
  expect(isPassing(withMoveBack(away, 'b'))).toBe(true);
  expect(isPassing({ nodes: recordedNodes(['a', 'e']), previous: nodes })).toBe(false);
});

test('a change keeps the states of the nodes, but not their logs', () => {
  const after = withStatesOf(recordedNodes(['a', 'b', 'e']), away.nodes);
  expect(after.map(({ name, state, log }) => [name, state, log])).toEqual([
    ['a', undefined, undefined],
    ['b', 'away', undefined],
    ['e', undefined, undefined],
  ]);
});

// Otherwise, the wait for the leases would begin with the first time that the node left.
test('a node that has left twice has left by two decisions', () => {
  const decisionOf = (log: string | undefined, epoch: number) =>
    decisionsIn(withLeaving(start, 'b', log), epoch).get('b');
  expect(decisionOf('one', 1)).toBe(decisionOf('one', 2));
  expect(decisionOf('one', 1)).not.toBe(decisionOf('two', 3));
  expect(decisionOf(undefined, 1)).not.toBe(decisionOf(undefined, 3));
  expect(decisionsIn(start, 1).size).toBe(0);
});
