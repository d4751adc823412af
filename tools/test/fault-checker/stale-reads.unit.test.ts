import { describe, expect, test } from '@jest/globals';
import type { Entry } from '../../fault-checker/history.js';
import {
  brokenRules,
  type Case,
  check,
  clear,
  FAILED,
  get,
  operation,
  remove,
  rollback,
  sees,
  set,
} from './support/entries.js';

describe('rule stale', () => {
  const missedWrite = [sees('a', 'down', 20), set('a', 'new', 30, 31, FAILED), sees('a', 'up', 40)];
  const old = set('b', 'old', 10, 11);

  test.each<Case>([
    ['after an acknowledged set', [old, set('a', 'new', 20, 21), get('b', 'old', 22, 23)]],
    ['after an acknowledged set by the same client', [old, set('b', 'new', 20, 21), get('b', 'old', 22, 23)]],
    ['after an acknowledged delete', [old, remove('a', 20, 21), get('b', 'old', 22, 23)]],
    [
      'after a delete that found no key',
      [old, remove('a', 20, 21, { outcome: 'false' }), get('b', 'old', 22, 23)],
    ],
    ['after an acknowledged clear', [old, clear('a', 20, 29), get('b', 'old', 30, 31)]],
    [
      'after a clear that failed only on another node',
      [old, clear('a', 20, 29, { ...FAILED, failedNodes: ['n2'] }), get('b', 'old', 30, 31)],
    ],
    [
      'after a write that the node missed, once the node is up again',
      [old, ...missedWrite, get('c', 'old', 41, 42)],
    ],
    [
      'after a clear that the node missed, once the node is up again',
      [
        old,
        sees('a', 'down', 20),
        clear('a', 30, 31, { ...FAILED, failedNodes: ['n1'] }),
        sees('a', 'up', 40),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'after a write that a suspect node missed, once the node replies again',
      [
        old,
        sees('a', 'suspect', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'up', 40),
        // The missed key is removed within 250 ms.
        get('c', 'old', 291, 292),
      ],
    ],
    [
      'after a write that timed out on a node that was up, once the node has been down and is up again',
      [
        old,
        set('a', 'new', 20, 320, FAILED),
        sees('a', 'down', 400),
        sees('a', 'up', 500),
        get('c', 'old', 501, 502),
      ],
    ],
    [
      'even if the reading client sees the node as down',
      [old, sees('b', 'down', 12), set('a', 'new', 20, 21), get('b', 'old', 22, 23)],
    ],
    [
      'if its writer saw the node as down during the write, but the write is settled',
      [
        sees('b', 'down', 5),
        set('b', 'old', 10, 11, FAILED),
        sees('b', 'up', 15),
        set('a', 'new', 20, 21),
        get('b', 'old', 22, 23),
      ],
    ],
    [
      'even if an earlier write is settled after the write that replaced the old value',
      [
        sees('a', 'down', 4),
        set('a', 'older', 5, 6, FAILED),
        old,
        set('c', 'new', 20, 21),
        sees('a', 'up', 40),
        get('b', 'old', 50, 51),
      ],
    ],
    [
      'even if a later write is not settled yet',
      [
        old,
        set('a', 'new', 20, 21),
        sees('a', 'down', 22),
        set('a', 'newer', 23, 24, FAILED),
        get('b', 'old', 30, 31),
      ],
    ],
  ])('is broken by a read of the old value %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['stale']);
  });

  test.each<Case>([
    [
      'a read that starts before the write completes',
      [old, set('a', 'new', 20, 25), get('b', 'old', 24, 26)],
    ],
    [
      'a read that returns either of two concurrent writes',
      [set('b', 'old', 10, 21), set('a', 'new', 20, 30), get('b', 'old', 31, 32)],
    ],
    [
      'a read after a write to another key',
      [old, set('a', 'new', 20, 21, { key: 'l' }), get('b', 'old', 22, 23)],
    ],
    [
      'a miss after a write',
      [old, set('a', 'new', 20, 21), operation('get', 'b', 22, 23, { outcome: 'miss' })],
    ],
    ['a read of the newest value after a write', [old, set('a', 'new', 20, 21), get('b', 'new', 22, 23)]],
    [
      'a read that starts before the writer sees the node as up again',
      [old, ...missedWrite, get('c', 'old', 39, 42)],
    ],
    [
      'a read after a missed write whose writer never sees the node as up again',
      [old, sees('a', 'down', 20), set('a', 'new', 30, 31, FAILED), get('c', 'old', 1000, 1001)],
    ],
    [
      'a read after a missed write whose writer sees only another node come up',
      [
        old,
        sees('a', 'down', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'up', 40, 'n2'),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'a read after a missed write whose writer sees the node as returning',
      [
        old,
        sees('a', 'down', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'returning', 40),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'a read after a write during which the writer saw the node as suspect',
      [old, sees('a', 'suspect', 20), set('a', 'new', 30, 31), get('c', 'old', 41, 42)],
    ],
    [
      'a read after a write during which the writer saw the node go down',
      [old, sees('a', 'down', 21), set('a', 'new', 20, 22), get('b', 'old', 23, 24)],
    ],
    [
      'a read of a value that was overwritten while the command with the value could still be in flight',
      [
        sees('b', 'down', 15),
        set('b', 'old', 10, 16, FAILED),
        set('a', 'new', 20, 21),
        sees('b', 'up', 22),
        get('c', 'old', 23, 24),
      ],
    ],
    [
      'a read after a clear that did not reach the node',
      [old, clear('a', 20, 29, { ...FAILED, failedNodes: ['n1'] }), get('b', 'old', 30, 31)],
    ],
    [
      'a read after a clear that failed without naming nodes',
      [old, clear('a', 20, 29, FAILED), get('b', 'old', 30, 31)],
    ],
    [
      'a read after a write that did not complete',
      [old, set('a', 'new', 20, 21, { outcome: 'pending' }), sees('a', 'up', 30), get('b', 'old', 31, 32)],
    ],
  ])('is not broken by %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

// In mode miss, `false` can mean that a node did not reply.
describe('in mode miss,', () => {
  const old = set('b', 'old', 10, 11);
  const falseAfter = (ms: number) => [
    old,
    remove('a', 20, 20 + ms, { outcome: 'false' }),
    get('b', 'old', 400, 401),
  ];

  test('a delete that returns false before the deadline found no key', () => {
    expect(brokenRules(falseAfter(200), { mode: 'miss' })).toEqual(['stale']);
  });

  test('a delete that returns false after the deadline may not have reached the node', () => {
    expect(brokenRules(falseAfter(301), { mode: 'miss' })).toEqual([]);
    expect(brokenRules(falseAfter(301), { mode: 'error' })).toEqual(['stale']);
  });

  test('a clear that takes longer than the deadline may not have reached a node', () => {
    const entries = [old, clear('a', 20, 321), get('b', 'old', 400, 401)];
    expect(brokenRules(entries, { mode: 'miss' })).toEqual([]);
    expect(brokenRules(entries, { mode: 'error' })).toEqual(['stale']);
  });

  test('a dropped set is settled once the node is up again', () => {
    const entries = [old, sees('a', 'down', 20), set('a', 'new', 30, 31, { outcome: 'false' })];
    expect(brokenRules([...entries, get('b', 'old', 41, 42)], { mode: 'miss' })).toEqual([]);
    const back = [...entries, sees('a', 'up', 40)];
    expect(brokenRules([...back, get('b', 'old', 41, 42)], { mode: 'miss' })).toEqual(['stale']);
  });
});

describe('in mode failover, a fallback entry', () => {
  const failover = { mode: 'failover' } as const;
  /** Client `b` writes a fallback entry to `n2` and sees `n1` as up again. Then client `a` writes. */
  const withFallbackEntry = (more: readonly Entry[]) => [
    sees('b', 'down', 5),
    set('b', 'fallback', 10, 11),
    ...more,
    sees('b', 'up', 15),
    set('a', 'new', 20, 21),
    sees('c', 'down', 22),
    get('c', 'fallback', 23, 24),
  ];

  test('is stale after the next write, even if the reading client sees the owner as down', () => {
    expect(brokenRules(withFallbackEntry([]), failover)).toEqual(['stale']);
  });

  test('is not stale if its writer saw the fallback node go down, too, and could not remove the entry', () => {
    const more = [sees('b', 'down', 14, 'n2')];
    expect(brokenRules(withFallbackEntry(more), failover)).toEqual([]);
    expect(brokenRules(withFallbackEntry(more), { mode: 'miss' })).toEqual(['stale']);
  });

  test('is not stale if a rollback of the fallback node restores it, except with restartPolicy purge', () => {
    const entries = [...withFallbackEntry([]), rollback(21, 22, 22, 'n2')];
    expect(brokenRules(entries, failover)).toEqual([]);
    expect(brokenRules(entries, { ...failover, restartPolicy: 'purge' })).toEqual(['stale']);
  });

  test('is not stale if its write failed, because it is unknown which node stored the entry', () => {
    const entries = withFallbackEntry([]).map((entry) =>
      'value' in entry && entry.action === 'set' && entry.value === 'fallback'
        ? { ...entry, ...FAILED }
        : entry,
    );
    expect(brokenRules(entries, failover)).toEqual([]);
  });

  test('is not stale before its writer sees the owner as up again', () => {
    const entries = [
      sees('b', 'down', 5),
      set('b', 'fallback', 10, 11),
      set('a', 'new', 20, 21),
      get('b', 'fallback', 23, 24),
    ];
    expect(brokenRules(entries, failover)).toEqual([]);
  });
});

describe('after a rollback of the server,', () => {
  const old = set('b', 'old', 10, 11);
  const lostWrite = [old, set('a', 'new', 20, 21), rollback(30, 32, 40), get('b', 'old', 50, 51)];

  test('a read of the old value is stale with restartPolicy purge', () => {
    expect(brokenRules(lostWrite, { restartPolicy: 'purge' })).toEqual(['stale']);
  });

  test('acknowledged writes may be lost with restartPolicy keep', () => {
    expect(brokenRules(lostWrite)).toEqual([]);
  });

  test('writes to another server and reads before the rollback are checked as usual with restartPolicy keep', () => {
    const other = [old, set('a', 'new', 20, 21), rollback(30, 32, 40, 'n2'), get('b', 'old', 50, 51)];
    expect(brokenRules(other)).toEqual(['stale']);
    const later = [old, set('a', 'new', 20, 21), get('b', 'old', 50, 51), rollback(60, 62, 70)];
    expect(brokenRules(later)).toEqual(['stale']);
  });

  test('a write that the server missed during the restart must not be lost, even with restartPolicy keep', () => {
    const entries = [
      old,
      sees('a', 'down', 31),
      rollback(30, 32, 40),
      set('a', 'new', 35, 36, FAILED),
      sees('a', 'up', 45),
      get('b', 'old', 50, 51),
    ];
    expect(brokenRules(entries)).toEqual(['stale']);
  });
});

test('checkHistory() counts operations, reads, hits, checked reads and reads after a missed write', () => {
  const { counts } = check([
    get('c', 'old', 5, 11),
    set('b', 'old', 10, 11),
    // There is no other settled write, so this read cannot be stale.
    get('c', 'old', 12, 13),
    set('a', 'new', 20, 21),
    get('c', 'new', 22, 23),
    operation('get', 'c', 24, 25, { outcome: 'miss' }),
    sees('a', 'down', 30),
    remove('a', 31, 32, FAILED),
    // The missed write is not settled yet.
    operation('get', 'c', 33, 34, { outcome: 'miss' }),
    sees('a', 'up', 40),
    operation('get', 'c', 41, 42, { outcome: 'miss' }),
  ]);
  expect(counts).toEqual({ operations: 9, reads: 6, hits: 3, checked: 1, afterMissedWrite: 1 });
});
