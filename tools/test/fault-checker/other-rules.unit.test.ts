import { describe, expect, test } from '@jest/globals';
import { brokenRules, type Case, check, clear, FAILED, get, operation, set } from './support/entries.js';

describe('rule unwritten', () => {
  test.each<Case>([
    ['is broken by a read of a value that was never written', [get('b', 'x', 20, 21)]],
    [
      "is broken by a read of another key's value",
      [set('a', 'x', 10, 11, { key: 'l' }), get('b', 'x', 20, 21)],
    ],
    [
      'is broken by a read of a value that is written only after the read',
      [get('b', 'x', 20, 21), set('a', 'x', 30, 31)],
    ],
  ])('%s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['unwritten']);
  });

  test.each<Case>([
    ['a read of a value that is written at the same time', [get('b', 'x', 20, 30), set('a', 'x', 25, 35)]],
    ['a read of a value whose write failed', [set('a', 'x', 10, 11, FAILED), get('b', 'x', 20, 21)]],
    [
      'a read of a value whose write did not complete',
      [set('a', 'x', 10, 11, { outcome: 'pending' }), get('b', 'x', 20, 21)],
    ],
  ])('is not broken by %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

describe('rule deadline (commandTimeoutMs plus 100 ms)', () => {
  const miss = { outcome: 'miss' } as const;

  test.each<Case>([
    ['is broken by a call that takes longer', [operation('get', 'a', 10, 411, miss)]],
    ['is broken by a call that takes longer and fails', [set('a', 'x', 10, 411, FAILED)]],
    ['is broken by a call that does not complete', [set('a', 'x', 10, 411, { outcome: 'pending' })]],
    [
      'is broken only once by a call over many keys',
      [operation('get', 'a', 10, 411, miss), operation('get', 'a', 10, 411, { ...miss, key: 'l' })],
    ],
    [
      'is broken by a call that takes longer even after the event loop delay is subtracted',
      [operation('get', 'a', 10, 511, { ...miss, eventLoopDelayMs: 100 })],
    ],
  ])('%s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['deadline']);
  });

  test.each<Case>([
    ['a call that takes exactly that long', [operation('get', 'a', 10, 410, miss)]],
    [
      'a call that takes longer only because of a delayed event loop',
      [operation('get', 'a', 10, 510, { ...miss, eventLoopDelayMs: 100 })],
    ],
    ['clear(), whose deadline applies to each step', [clear('a', 10, 2000)]],
  ])('is not broken by %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

test('rule deadline allows a call longer in a process whose clock is slow', () => {
  const entries = [operation('get', 'p1.c1', 10, 411, { outcome: 'miss' })];
  expect(brokenRules(entries, { clockRates: { p1: 1 } })).toEqual(['deadline']);
  expect(brokenRules(entries, { clockRates: { p1: 0.95 } })).toEqual([]);
});

test('rule crash is broken by a process that exits with a code other than 0 or is killed', () => {
  const exit = {
    type: 'exit',
    process: 'p1',
    signal: null,
    stderr: 'TypeError: no such thing',
    at: 9,
  } as const;
  const { violations } = check([{ ...exit, code: 1 }]);
  expect(violations).toMatchObject([
    { rule: 'crash', message: 'process p1 exited (1):\nTypeError: no such thing' },
  ]);
  expect(brokenRules([{ ...exit, code: null, signal: 'SIGKILL' }])).toEqual(['crash']);
  expect(brokenRules([{ ...exit, code: 0 }])).toEqual([]);
});

test("rule error is broken by a rejection that is not one of the store's errors", () => {
  expect(brokenRules([set('a', 'x', 10, 11, { outcome: 'error', error: 'TypeError: oops' })])).toEqual([
    'error',
  ]);
  expect(brokenRules([set('a', 'x', 10, 11, FAILED)])).toEqual([]);
});

test('rule stuck is broken by a node that is still away long after the last fault', () => {
  const { violations } = check([{ type: 'stuck', client: 'a', problem: 'node-1 is away', waitedMs: 30_000 }]);
  expect(violations).toMatchObject([
    { rule: 'stuck', message: 'a sees 30000 ms after the last fault that node-1 is away' },
  ]);
});
