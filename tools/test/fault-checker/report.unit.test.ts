import { describe, expect, test } from '@jest/globals';
import { checkHistory } from '../../fault-checker/check-history.js';
import {
  type Entry,
  FAULT_KINDS,
  type RunEntry,
  serverFaultsOf,
  toHistory,
} from '../../fault-checker/history.js';
import { coverageGaps, excerpt } from '../../fault-checker/report.js';
import type { Violation } from '../../fault-checker/rules.js';
import { fault, get, RUN, set, topology } from './support/entries.js';

function gapsOf(entries: readonly Entry[], run: Partial<RunEntry> = {}): string[] {
  const history = toHistory([{ ...RUN, ...run }, ...entries]);
  return coverageGaps(history, checkHistory(history));
}

describe('a run is inconclusive', () => {
  const reads = [set('a', 'x', 10, 11), set('a', 'y', 20, 21), get('b', 'y', 30, 31)];
  const allFaults = [...FAULT_KINDS].map((kind) => fault(kind, 0, 1));
  const away = topology('a', 2, { states: { n1: 'away' } });

  test('without a fault of each kind', () => {
    const faults = allFaults.filter(({ kind }) => kind !== 'deaf');
    expect(gapsOf([...reads, ...allFaults])).toEqual([]);
    expect(gapsOf([...reads, ...faults])).toEqual(['it injected no deaf fault; use a longer run']);
  });

  test('without a rollback, except with restartPolicy keep', () => {
    const faults = allFaults.filter(({ kind }) => kind !== 'rollback');
    expect(serverFaultsOf(RUN)).not.toContain('rollback');
    expect(gapsOf([...reads, ...faults])).toEqual([]);
    expect(gapsOf([...reads, ...faults], { restartPolicy: 'purge' })).toEqual([
      'it injected no rollback fault; use a longer run',
    ]);
  });

  test('without a read that could be stale', () => {
    expect(gapsOf(allFaults)).toEqual(['no read could be stale']);
  });

  test('in mode failover, if no node was declared away, or none came back', () => {
    const entries = [...reads, ...allFaults];
    const run = { mode: 'failover' } as const;
    expect(gapsOf(entries, run)).toEqual(['no node was declared away; use a longer run']);
    expect(gapsOf([...entries, away], run)).toEqual(['no node that was away came back; use a longer run']);
    expect(gapsOf([...entries, away, topology('a', 3)], run)).toEqual([]);
  });
});

test('excerpt() shows what the clients of a violation saw, and the faults of servers and of their processes', () => {
  const history = toHistory([
    RUN,
    set('p1.c1', 'old', 10, 11),
    fault('cut', 12, 30, { nodes: ['n1', 'n2'], process: 'p1' }),
    fault('cut', 12, 30, { process: 'p3' }),
    fault('kill', 13, 40),
    topology('p2.c1', 15, { states: { n1: 'away' } }),
    set('p2.c1', 'new', 20, 21),
    get('p1.c1', 'old', 22, 23),
  ]);
  const { violations } = checkHistory(history);
  const lines = excerpt(history, violations[0] as Violation);
  expect(lines.map((line) => line.replaceAll(/ +/g, ' ').trim())).toEqual([
    '> 10.0 - 11.0 ms p1.c1 set(k, old): ok',
    '12.0 - 30.0 ms nemesis: cut of n1, n2 for p1',
    '13.0 - 40.0 ms nemesis: kill of n1',
    '15.0 ms p2.c1 uses epoch 15, settled, n1 away',
    '> 20.0 - 21.0 ms p2.c1 set(k, new): ok',
    '> 22.0 - 23.0 ms p1.c1 get(k): ok old',
  ]);
});
