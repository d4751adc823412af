import { describe, expect, test } from '@jest/globals';
import { type Entry, FINAL_READ } from '../../fault-checker/history.js';
import { MODE_NAMES } from '../../fault-checker/modes.js';
import {
  brokenRules,
  type Case,
  check,
  clear,
  FAILED,
  fault,
  get,
  operation,
  remove,
  set,
} from './support/entries.js';

const rulesBroken = (entries: readonly Entry[]) => brokenRules(entries, { mode: 'membership' });
const countsOf = (entries: readonly Entry[]) => check(entries, { mode: 'membership' }).counts;

const old = set('b', 'old', 10, 11);
const miss = (client: string, from: number, to: number) =>
  operation('get', client, from, to, { outcome: 'miss' });
/** From here on, servers fail, so entries may be lost. */
const rollback = fault('rollback', 0, 2);

describe('rule stale', () => {
  test.each<Case>([
    ['after an acknowledged set', [old, set('a', 'new', 20, 21), get('b', 'old', 22, 23)]],
    ['after an acknowledged delete', [old, remove('a', 20, 21), get('b', 'old', 22, 23)]],
    ['after an acknowledged clear', [old, clear('a', 20, 21), get('b', 'old', 22, 23)]],
    [
      'after a read of a newer value, although the newer write failed',
      [old, set('a', 'new', 20, 21, FAILED), get('c', 'new', 22, 23), get('b', 'old', 24, 25)],
    ],
    [
      'even if a server was killed in between',
      [rollback, old, set('a', 'new', 20, 21), get('b', 'old', 22, 23)],
    ],
    [
      'of a write that failed long ago',
      [set('b', 'old', 10, 11, FAILED), set('a', 'new', 2012, 2013), get('b', 'old', 2014, 2015)],
    ],
    [
      'whose writer failed while its requests were held back, once they must have been executed',
      [
        set('b', 'old', 10, 11, FAILED),
        fault('deaf', 5, 5000, { process: 'b' }),
        set('a', 'new', 7000, 7001),
        get('b', 'old', 7002, 7003),
      ],
    ],
    [
      'whose writer failed while requests of another process were held back',
      [
        set('b', 'old', 10, 11, FAILED),
        fault('deaf', 5, 5000, { process: 'c' }),
        set('a', 'new', 2012, 2013),
        get('b', 'old', 2014, 2015),
      ],
    ],
    [
      'although its writer and its reader saw no fault, and the newer write failed over to another node',
      [old, fault('freeze', 12, 5000), set('a', 'new', 1000, 2000), get('b', 'old', 2001, 2002)],
    ],
  ])('is broken in every mode by a read of the old value %s', (_name, entries) => {
    for (const mode of MODE_NAMES) expect(brokenRules(entries, { mode })).toContain('stale');
  });

  test.each<Case>([
    [
      'a read that begins before the newer write ends',
      [old, set('a', 'new', 20, 30), get('b', 'old', 29, 31)],
    ],
    [
      'a read of one of two concurrent writes',
      [set('b', 'old', 10, 20), set('a', 'new', 15, 16), get('c', 'old', 30, 31)],
    ],
    [
      'a read after a newer write that failed',
      [old, set('a', 'new', 20, 21, FAILED), get('b', 'old', 22, 23)],
    ],
    [
      'a read of a value whose write failed shortly before the newer write',
      [set('b', 'old', 10, 11, FAILED), set('a', 'new', 1900, 1901), get('b', 'old', 1902, 1903)],
    ],
    [
      'a read of a value whose write was on its way while its process stood still',
      [
        set('b', 'old', 10, 11, FAILED),
        fault('pause', 10, 5000, { nodes: [], process: 'b' }),
        set('a', 'new', 6000, 6001),
        get('b', 'old', 6002, 6003),
      ],
    ],
    [
      'a read of a value whose write did not complete',
      [
        set('b', 'old', 10, 11, { outcome: 'pending' }),
        set('a', 'new', 9000, 9001),
        get('c', 'old', 9002, 9003),
      ],
    ],
    [
      'a read of a value whose write was held back by one fault after another',
      [
        set('b', 'old', 10, 11, FAILED),
        fault('blackhole', 5, 5000, { process: 'b' }),
        fault('freeze', 4900, 9000),
        set('a', 'new', 9500, 9501),
        get('b', 'old', 9502, 9503),
      ],
    ],
    ['a miss', [rollback, old, miss('b', 20, 21)]],
  ])('is not broken by %s', (_name, entries) => {
    expect(rulesBroken(entries)).toEqual([]);
  });

  test('takes a delete that returned false for one that was done only if the policy is error', () => {
    const entries = [old, remove('a', 20, 21, { outcome: 'false' }), get('b', 'old', 22, 23)];
    expect(brokenRules(entries, { mode: 'error' })).toEqual(['stale']);
    expect(brokenRules(entries, { mode: 'miss' })).toEqual([]);
    expect(brokenRules(entries, { mode: 'failover' })).toEqual([]);
  });

  test('takes a set that returned false for one with an unknown outcome', () => {
    const dropped = set('a', 'new', 20, 21, { outcome: 'false' });
    expect(brokenRules([old, dropped, get('b', 'old', 22, 23)], { mode: 'miss' })).toEqual([]);
    expect(brokenRules([old, dropped, get('b', 'new', 22, 23)], { mode: 'miss' })).toEqual([]);
  });

  test('counts a value that comes back while its own write is in progress', () => {
    const write = set('b', 'old', 10, 60);
    const entries = [write, get('c', 'old', 20, 21), set('a', 'new', 30, 31), get('c', 'old', 40, 41)];
    expect(rulesBroken(entries)).toEqual([]);
    expect(countsOf(entries)).toMatchObject({ comebacks: 1, hits: 2, checked: 1 });
  });
});

describe('has()', () => {
  const has = (outcome: 'ok' | 'miss', from: number, to: number) =>
    operation('get', 'c', from, to, { call: 'has', action: 'has', outcome });

  test('breaks rule stale if it finds a key that was removed', () => {
    expect(rulesBroken([old, remove('a', 20, 21), has('ok', 22, 23)])).toEqual(['stale']);
    expect(rulesBroken([old, clear('a', 20, 21), has('ok', 22, 23)])).toEqual(['stale']);
  });

  test('may find a key that was stored meanwhile, or whose set() failed', () => {
    expect(rulesBroken([remove('a', 20, 21), set('b', 'x', 22, 30), has('ok', 22, 23)])).toEqual([]);
    expect(rulesBroken([set('b', 'x', 10, 11, FAILED), remove('a', 20, 21), has('ok', 22, 23)])).toEqual([]);
    expect(rulesBroken([old, has('ok', 22, 23)])).toEqual([]);
  });

  test('breaks rule lost if it misses an entry', () => {
    expect(rulesBroken([old, has('miss', 22, 23)])).toEqual(['lost']);
  });
});

describe('rule lost', () => {
  test.each<Case>([
    ['a miss of an acknowledged set', [old, miss('c', 20, 21)]],
    ['a miss of a set after a delete', [remove('a', 5, 6), old, miss('c', 20, 21)]],
  ])('is broken in mode membership by %s', (_name, entries) => {
    expect(rulesBroken(entries)).toEqual(['lost']);
    expect(brokenRules(entries, { mode: 'everything' })).toEqual([]);
  });

  test.each<Case>([
    ['a miss after a server fault', [rollback, old, miss('c', 20, 21)]],
    ['a miss after a delete', [old, remove('a', 15, 16), miss('c', 20, 21)]],
    ['a miss after a concurrent delete', [old, remove('a', 5, 30), miss('c', 20, 21)]],
    ['a miss after a clear', [old, clear('a', 15, 16), miss('c', 20, 21)]],
    ['a miss during a write', [old, set('a', 'new', 19, 30), miss('c', 20, 21)]],
    [
      'a miss after a set that failed, whose key the store removes',
      [old, set('a', 'new', 12, 13, FAILED), miss('c', 20, 21)],
    ],
    ['a read that failed', [old, operation('get', 'c', 20, 21, FAILED)]],
  ])('is not broken by %s', (_name, entries) => {
    expect(rulesBroken(entries)).toEqual([]);
  });
});

describe('rule torn', () => {
  const concurrent = [set('a', 'x', 10, 20), set('b', 'y', 10, 20)];
  const final = (client: string, value: string) => get(client, value, 30, 31, { call: FINAL_READ });
  const finalMiss = operation('get', 'b', 30, 31, { call: FINAL_READ, outcome: 'miss' });

  test.each(MODE_NAMES)('is broken in mode %s by clients that read different values at the end', (mode) => {
    expect(brokenRules([...concurrent, final('a', 'x'), final('b', 'y')], { mode })).toEqual(['torn']);
    expect(brokenRules([...concurrent, final('a', 'x'), final('b', 'x')], { mode })).toEqual([]);
  });

  test('is broken by a miss at the end only if the policy is error', () => {
    const entries = [rollback, ...concurrent, final('a', 'x'), finalMiss];
    expect(brokenRules(entries, { mode: 'error' })).toEqual(['torn']);
    expect(brokenRules(entries, { mode: 'membership' })).toEqual(['torn']);
    expect(brokenRules(entries, { mode: 'failover' })).toEqual([]);
  });
});
