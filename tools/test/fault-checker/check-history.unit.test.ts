import { describe, expect, test } from '@jest/globals';
import { checkHistory } from '../../fault-checker/check-history.js';
import {
  type Entry,
  entriesOf,
  type FaultEntry,
  historyOf,
  linesOf,
  type NodeState,
  type OperationEntry,
  type RunEntry,
} from '../../fault-checker/history.js';

/** Each rule has a history that breaks it and some that nearly do. Times are milliseconds. */

const RUN: RunEntry = {
  type: 'run',
  seed: 'none',
  mode: 'error',
  restartPolicy: 'keep',
  commandTimeoutMs: 300,
  nodes: ['n1', 'n2'],
  startedAt: 0,
};

/** The keys k and l belong to n1, and m to n2. Clients a, b and c see both nodes up from the start. */
const START: readonly Entry[] = [
  { type: 'owners', owners: { k: 'n1', l: 'n1', m: 'n2' } },
  ...['a', 'b', 'c'].flatMap((client) => [sees(client, 'up', 0), sees(client, 'up', 0, 'n2')]),
];

function sees(client: string, state: NodeState, at: number, node = 'n1'): Entry {
  return { type: 'state', client, node, state, at };
}

function operation(
  call: 'set' | 'get' | 'delete' | 'clear',
  client: string,
  invokedAt: number,
  completedAt: number,
  more: Partial<OperationEntry>,
): OperationEntry {
  return {
    type: 'operation',
    client,
    call,
    action: call === 'get' ? 'read' : call,
    ...(call === 'clear' ? {} : { key: 'k' }),
    invokedAt,
    completedAt,
    outcome: 'ok',
    lateMs: 0,
    ...more,
  };
}

const set = (client: string, value: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('set', client, from, to, { value, ...more });
const get = (client: string, value: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('get', client, from, to, { value, ...more });
const remove = (client: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('delete', client, from, to, more);
const clear = (client: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('clear', client, from, to, more);
const FAILED = { outcome: 'error', error: 'DREDIS_NODE_UNAVAILABLE' } as const;
const rollback = (from: number, goneAt: number, to: number, node = 'n1'): FaultEntry => ({
  type: 'fault',
  kind: 'rollback',
  node,
  from,
  goneAt,
  to,
});

function check(entries: readonly Entry[], run: Partial<RunEntry> = {}) {
  return checkHistory(historyOf([{ ...RUN, ...run }, ...START, ...entries]));
}

function brokenRules(entries: readonly Entry[], run: Partial<RunEntry> = {}): string[] {
  return check(entries, run).violations.map(({ rule }) => rule);
}

type Case = readonly [name: string, entries: readonly Entry[]];

describe('stale: a read returns what a settled write has replaced', () => {
  const away = [sees('a', 'down', 20), set('a', 'new', 30, 31, FAILED), sees('a', 'up', 40)];
  const old = set('b', 'old', 10, 11);

  test.each<Case>([
    ['an acknowledged set', [old, set('a', 'new', 20, 21), get('b', 'old', 22, 23)]],
    ['an acknowledged set of the reader itself', [old, set('b', 'new', 20, 21), get('b', 'old', 22, 23)]],
    ['an acknowledged delete', [old, remove('a', 20, 21), get('b', 'old', 22, 23)]],
    [
      'a delete that found nothing',
      [old, remove('a', 20, 21, { outcome: 'false' }), get('b', 'old', 22, 23)],
    ],
    ['an acknowledged clear', [old, clear('a', 20, 29), get('b', 'old', 30, 31)]],
    [
      'a clear that failed on another node',
      [old, clear('a', 20, 29, { ...FAILED, failedNodes: ['n2'] }), get('b', 'old', 30, 31)],
    ],
    ['a write that the node missed, once the node is back', [old, ...away, get('c', 'old', 41, 42)]],
    [
      'a clear that the node missed, once it is back',
      [
        old,
        sees('a', 'down', 20),
        clear('a', 30, 31, { ...FAILED, failedNodes: ['n1'] }),
        sees('a', 'up', 40),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'a write that a suspect node missed, once it answers again',
      [
        old,
        sees('a', 'suspect', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'up', 40),
        // What it missed goes out when it answers.
        get('c', 'old', 291, 292),
      ],
    ],
    [
      'a write that timed out while the node was up, once it was away and is back',
      [
        old,
        set('a', 'new', 20, 320, FAILED),
        sees('a', 'down', 400),
        sees('a', 'up', 500),
        get('c', 'old', 501, 502),
      ],
    ],
    [
      'whatever the reader itself thinks of the node',
      [old, sees('b', 'down', 12), set('a', 'new', 20, 21), get('b', 'old', 22, 23)],
    ],
    [
      'what was written while its writer did not see the node, and is settled as well',
      [
        sees('b', 'down', 5),
        set('b', 'old', 10, 11, FAILED),
        sees('b', 'up', 15),
        set('a', 'new', 20, 21),
        get('b', 'old', 22, 23),
      ],
    ],
    [
      'also when an earlier write settles after it',
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
      'also when a later write is not settled yet',
      [
        old,
        set('a', 'new', 20, 21),
        sees('a', 'down', 22),
        set('a', 'newer', 23, 24, FAILED),
        get('b', 'old', 30, 31),
      ],
    ],
  ])('%s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['stale']);
  });

  test.each<Case>([
    ['a read that began before the write ended', [old, set('a', 'new', 20, 25), get('b', 'old', 24, 26)]],
    [
      'two writes at the same time',
      [set('b', 'old', 10, 21), set('a', 'new', 20, 30), get('b', 'old', 31, 32)],
    ],
    ['a write of another key', [old, set('a', 'new', 20, 21, { key: 'l' }), get('b', 'old', 22, 23)]],
    ['a miss', [old, set('a', 'new', 20, 21), operation('get', 'b', 22, 23, { outcome: 'miss' })]],
    ['the newest value', [old, set('a', 'new', 20, 21), get('b', 'new', 22, 23)]],
    ['a read that began before the node was back for the writer', [old, ...away, get('c', 'old', 39, 42)]],
    [
      'a writer for which the node never came back',
      [old, sees('a', 'down', 20), set('a', 'new', 30, 31, FAILED), get('c', 'old', 1000, 1001)],
    ],
    [
      'a writer for which another node came back',
      [
        old,
        sees('a', 'down', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'up', 40, 'n2'),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'a node that is on its way back',
      [
        old,
        sees('a', 'down', 20),
        set('a', 'new', 30, 31, FAILED),
        sees('a', 'returning', 40),
        get('c', 'old', 41, 42),
      ],
    ],
    [
      'a write that may have been answered by another node',
      [old, sees('a', 'suspect', 20), set('a', 'new', 30, 31), get('c', 'old', 41, 42)],
    ],
    [
      'a write during which its client lost sight of the node',
      [old, sees('a', 'down', 21), set('a', 'new', 20, 22), get('b', 'old', 23, 24)],
    ],
    [
      'a value whose own writer has not got the node back: its command may still arrive',
      [
        sees('b', 'down', 15),
        set('b', 'old', 10, 16, FAILED),
        set('a', 'new', 20, 21),
        sees('b', 'up', 22),
        get('c', 'old', 23, 24),
      ],
    ],
    [
      'a clear that did not reach the node',
      [old, clear('a', 20, 29, { ...FAILED, failedNodes: ['n1'] }), get('b', 'old', 30, 31)],
    ],
    [
      'a clear that failed and does not say where',
      [old, clear('a', 20, 29, FAILED), get('b', 'old', 30, 31)],
    ],
    [
      'a write that has not ended',
      [old, set('a', 'new', 20, 21, { outcome: 'pending' }), sees('a', 'up', 30), get('b', 'old', 31, 32)],
    ],
  ])('is not: %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

describe('where a node that is down is not an error, false has two meanings', () => {
  const old = set('b', 'old', 10, 11);
  const falseAfter = (ms: number) => [
    old,
    remove('a', 20, 20 + ms, { outcome: 'false' }),
    get('b', 'old', 400, 401),
  ];

  test('before the deadline: there was nothing to delete', () => {
    expect(brokenRules(falseAfter(200), { mode: 'miss' })).toEqual(['stale']);
  });

  test('after it: perhaps there was no answer', () => {
    expect(brokenRules(falseAfter(301), { mode: 'miss' })).toEqual([]);
    expect(brokenRules(falseAfter(301), { mode: 'error' })).toEqual(['stale']);
  });

  test('a clear that took longer may have missed the node', () => {
    const entries = [old, clear('a', 20, 321), get('b', 'old', 400, 401)];
    expect(brokenRules(entries, { mode: 'miss' })).toEqual([]);
    expect(brokenRules(entries, { mode: 'error' })).toEqual(['stale']);
  });

  test('a set was dropped: it is settled when the node is back', () => {
    const entries = [old, sees('a', 'down', 20), set('a', 'new', 30, 31, { outcome: 'false' })];
    expect(brokenRules([...entries, get('b', 'old', 41, 42)], { mode: 'miss' })).toEqual([]);
    const back = [...entries, sees('a', 'up', 40)];
    expect(brokenRules([...back, get('b', 'old', 41, 42)], { mode: 'miss' })).toEqual(['stale']);
  });
});

describe('copies of failover', () => {
  const failover = { mode: 'failover' } as const;
  /** b writes a copy to n2, gets n1 back, and then a writes. */
  const copied = (more: readonly Entry[]) => [
    sees('b', 'down', 5),
    set('b', 'copy', 10, 11),
    ...more,
    sees('b', 'up', 15),
    set('a', 'new', 20, 21),
    sees('c', 'down', 22),
    get('c', 'copy', 23, 24),
  ];

  test('none outlives the next write, though its reader does not see the owner', () => {
    expect(brokenRules(copied([]), failover)).toEqual(['stale']);
  });

  test('but it could not be removed from a node that its writer did not see either', () => {
    const more = [sees('b', 'down', 14, 'n2')];
    expect(brokenRules(copied(more), failover)).toEqual([]);
    expect(brokenRules(copied(more), { mode: 'miss' })).toEqual(['stale']);
  });

  test('but an old snapshot of its server may bring it back, unless that is purged', () => {
    const entries = [...copied([]), rollback(21, 22, 22, 'n2')];
    expect(brokenRules(entries, failover)).toEqual([]);
    expect(brokenRules(entries, { ...failover, restartPolicy: 'purge' })).toEqual(['stale']);
  });

  test('nor is it known where a write that failed has left one', () => {
    const entries = copied([]).map((entry) =>
      'value' in entry && entry.action === 'set' && entry.value === 'copy' ? { ...entry, ...FAILED } : entry,
    );
    expect(brokenRules(entries, failover)).toEqual([]);
  });

  test('nor does it before its writer has the owner back', () => {
    const entries = [
      sees('b', 'down', 5),
      set('b', 'copy', 10, 11),
      set('a', 'new', 20, 21),
      get('b', 'copy', 23, 24),
    ];
    expect(brokenRules(entries, failover)).toEqual([]);
  });
});

describe('a server is killed and restarted from an old snapshot', () => {
  const old = set('b', 'old', 10, 11);
  const lost = [old, set('a', 'new', 20, 21), rollback(30, 32, 40), get('b', 'old', 50, 51)];

  test('purge: nobody reads what it holds', () => {
    expect(brokenRules(lost, { restartPolicy: 'purge' })).toEqual(['stale']);
  });

  test('keep: what was acknowledged before may be lost', () => {
    expect(brokenRules(lost)).toEqual([]);
  });

  test('keep: only of that server, and not before', () => {
    const other = [old, set('a', 'new', 20, 21), rollback(30, 32, 40, 'n2'), get('b', 'old', 50, 51)];
    expect(brokenRules(other)).toEqual(['stale']);
    const later = [old, set('a', 'new', 20, 21), get('b', 'old', 50, 51), rollback(60, 62, 70)];
    expect(brokenRules(later)).toEqual(['stale']);
  });

  test('keep: a write that it missed while it was gone is not', () => {
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

describe('alien: a read returns what it cannot have', () => {
  test.each<Case>([
    ['a value that nobody wrote', [get('b', 'x', 20, 21)]],
    ['a value of another key', [set('a', 'x', 10, 11, { key: 'l' }), get('b', 'x', 20, 21)]],
    ['a value that is written only later', [get('b', 'x', 20, 21), set('a', 'x', 30, 31)]],
  ])('%s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['alien']);
  });

  test.each<Case>([
    ['a value that is written at the same time', [get('b', 'x', 20, 30), set('a', 'x', 25, 35)]],
    ['a value of a write that failed', [set('a', 'x', 10, 11, FAILED), get('b', 'x', 20, 21)]],
    [
      'a value of a write that has not ended',
      [set('a', 'x', 10, 11, { outcome: 'pending' }), get('b', 'x', 20, 21)],
    ],
  ])('is not: %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

describe('deadline: commandTimeoutMs and 100 ms', () => {
  const miss = { outcome: 'miss' } as const;

  test.each<Case>([
    ['a call that took longer', [operation('get', 'a', 10, 411, miss)]],
    ['one that failed after longer', [set('a', 'x', 10, 411, FAILED)]],
    ['one that has not ended', [set('a', 'x', 10, 411, { outcome: 'pending' })]],
    [
      'of a call over many keys, once',
      [operation('get', 'a', 10, 411, miss), operation('get', 'a', 10, 411, { ...miss, key: 'l' })],
    ],
    ['longer than the event loop was late', [operation('get', 'a', 10, 511, { ...miss, lateMs: 100 })]],
  ])('%s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual(['deadline']);
  });

  test.each<Case>([
    ['a call that took just as long', [operation('get', 'a', 10, 410, miss)]],
    ['a call whose event loop was late', [operation('get', 'a', 10, 510, { ...miss, lateMs: 100 })]],
    ['clear(), which has it for each step', [clear('a', 10, 2000)]],
  ])('is not broken by: %s', (_name, entries) => {
    expect(brokenRules(entries)).toEqual([]);
  });
});

test('crash: a process ended otherwise than it should', () => {
  const exit = {
    type: 'exit',
    process: 'p1',
    signal: null,
    stderr: 'TypeError: no such thing',
    at: 9,
  } as const;
  const { violations } = check([{ ...exit, code: 1 }]);
  expect(violations).toMatchObject([
    { rule: 'crash', message: 'process p1 ended (1):\nTypeError: no such thing' },
  ]);
  expect(brokenRules([{ ...exit, code: null, signal: 'SIGKILL' }])).toEqual(['crash']);
  expect(brokenRules([{ ...exit, code: 0 }])).toEqual([]);
});

test("error: a call rejects with none of the store's errors", () => {
  expect(brokenRules([set('a', 'x', 10, 11, { outcome: 'error', error: 'TypeError: oops' })])).toEqual([
    'error',
  ]);
  expect(brokenRules([set('a', 'x', 10, 11, FAILED)])).toEqual([]);
});

test('stuck: a node that answers again is not used again', () => {
  expect(brokenRules([{ type: 'stuck', client: 'a', node: 'n1', waitedMs: 30_000 }])).toEqual(['stuck']);
});

test('it tells how much it has judged', () => {
  const { counts } = check([
    get('c', 'old', 5, 11),
    set('b', 'old', 10, 11),
    // Nothing was there before: this one cannot be stale.
    get('c', 'old', 12, 13),
    set('a', 'new', 20, 21),
    get('c', 'new', 22, 23),
    operation('get', 'c', 24, 25, { outcome: 'miss' }),
    sees('a', 'down', 30),
    remove('a', 31, 32, FAILED),
    // The node has missed a write that is not settled yet.
    operation('get', 'c', 33, 34, { outcome: 'miss' }),
    sees('a', 'up', 40),
    operation('get', 'c', 41, 42, { outcome: 'miss' }),
  ]);
  expect(counts).toEqual({ operations: 9, reads: 6, hits: 3, judged: 1, afterMissedWrite: 1 });
});

test('a history survives its file, whose last line may be cut short', () => {
  const entries: Entry[] = [RUN, ...START, set('a', 'x', 10, 11), rollback(1, 2, 3)];
  expect(entriesOf(`${linesOf(entries)}{"type":"sta`)).toEqual(entries);
});

test('clients that disagree about who owns what are told of', () => {
  const entries: Entry[] = [RUN, ...START, { type: 'owners', owners: { k: 'n2', l: 'n1', m: 'n2' } }];
  expect(() => historyOf(entries)).toThrow('the clients disagree about who owns what');
});
