import { describe, expect, test } from '@jest/globals';
import { countFailovers } from '../../fault-checker/check-topology.js';
import type { ChangeEntry } from '../../fault-checker/history.js';
import { brokenRules, type Case, topology } from './support/entries.js';

const change = (operator: string, outcome: ChangeEntry['outcome']): ChangeEntry => ({
  type: 'change',
  operator,
  kind: 'resume',
  from: 40,
  to: 45,
  outcome,
});

describe('rule unfinished', () => {
  const final = { isFinal: true } as const;

  test.each<Case>([
    ['a client that is behind', [topology('a', 2, final), topology('b', 4, final)]],
    ['a client that is between two rings', [topology('a', 3, { ...final, phase: 'moving' })]],
    ['a last operator that fails', [change('last', 'incomplete')]],
  ])('is broken by %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['unfinished']);
  });

  test('is not broken by operators that failed before', () => {
    const entries = [change('o1', 'incomplete'), change('last', 'done'), topology('a', 2, final)];
    expect(brokenRules(entries)).toEqual([]);
  });
});

test('rule split is broken by clients that use different topologies of one epoch', () => {
  const away = topology('a', 2, { states: { n1: 'away' } });
  const other = topology('b', 2, { states: { n2: 'away' } });
  expect(brokenRules([away, other, topology('c', 2)])).toEqual(['split']);
  expect(brokenRules([away, { ...away, client: 'b' }, topology('a', 3)])).toEqual([]);
});

test('an operator that throws an error of no known kind has crashed', () => {
  expect(brokenRules([change('o1', 'crashed')])).toEqual(['crash']);
});

describe('countFailovers()', () => {
  const n1 = (state: 'leaving' | 'away' | 'returning') => ({ states: { n1: state } });

  test('counts a node that was declared away and came back once, whichever clients have seen it', () => {
    const entries = [
      topology('a', 1, n1('leaving')),
      topology('a', 2, n1('away')),
      // Another client was late, and has missed an epoch.
      topology('b', 2, n1('away')),
      topology('b', 4, { phase: 'moving' }),
      topology('a', 3, n1('returning')),
      topology('a', 4, { phase: 'moving' }),
      topology('a', 5),
    ];
    expect(countFailovers(entries)).toEqual({ failovers: 1, returns: 1, objections: 0 });
  });

  test('counts a node that stayed because of an objection', () => {
    const entries = [topology('a', 1, n1('leaving')), topology('a', 2)];
    expect(countFailovers(entries)).toEqual({ failovers: 0, returns: 0, objections: 1 });
  });

  test('counts no second failover of a node that is lost again before it is back', () => {
    const entries = [
      topology('a', 2, n1('away')),
      topology('a', 3, n1('returning')),
      topology('a', 4, n1('away')),
      topology('a', 5, { states: { n1: 'away', n2: 'away' } }),
    ];
    expect(countFailovers(entries)).toEqual({ failovers: 2, returns: 0, objections: 0 });
  });
});
