import { describe, expect, test } from '@jest/globals';
import { NEGATIVE_CONTROLS, SMALL_RUNS } from '../../model/runs.js';
import { type Model, search } from '../../model/search.js';

const MAX_STATES = 2_000_000;

describe('the complete protocol holds', () => {
  test.each(SMALL_RUNS)('$name', (run) => {
    expect(run.search(MAX_STATES)).toMatchObject({ outcome: 'holds' });
  });
});

describe('the membership model finds a violation without', () => {
  test.each(Object.entries(NEGATIVE_CONTROLS.membership))('%s', (_part, run) => {
    expect(run.search(MAX_STATES)).toMatchObject({ outcome: 'violated' });
  });
});

describe('the failover model finds a violation without', () => {
  test.each(Object.entries(NEGATIVE_CONTROLS.failover))('%s', (_part, run) => {
    expect(run.search(MAX_STATES)).toMatchObject({ outcome: 'violated' });
  });
});

describe('the register model finds a violation without', () => {
  test.each(Object.entries(NEGATIVE_CONTROLS.register))('%s', (_part, run) => {
    expect(run.search(MAX_STATES)).toMatchObject({ outcome: 'violated' });
  });
});

describe('search()', () => {
  /** Counts up to 3, by one or by two. */
  const counter = (forbidden: number): Model<number> => ({
    initial: 0,
    encode: String,
    steps: (count) => [1, 2].filter((by) => count + by <= 3).map((by) => [`add ${by}`, count + by]),
    violation: (count) => (count === forbidden ? `${count} is forbidden` : undefined),
  });

  test('visits each state once', () => {
    expect(search(counter(4), 10)).toEqual({ outcome: 'holds', stateCount: 4 });
  });

  test('returns the steps that lead to a violation', () => {
    const { outcome, violation, steps } = search(counter(1), 10);
    expect({ outcome, violation, steps }).toEqual({
      outcome: 'violated',
      violation: '1 is forbidden',
      steps: ['add 1'],
    });
  });

  test('stops if there are too many states', () => {
    expect(search(counter(4), 2)).toMatchObject({ outcome: 'too many states' });
  });
});
