import { describe, expect, test } from '@jest/globals';
import {
  compareHistory,
  formatMark,
  type KnownServer,
  type Mark,
  parseInfo,
  parseMark,
  type ServerInfo,
} from '../../src/outage/server-history.js';

/** The reply to INFO of a replica that was promoted at offset 100. */
const PROMOTED = [
  '# Server',
  'run_id:b',
  '# Stats',
  'total_net_repl_input_bytes:259',
  '# Replication',
  'role:master',
  'connected_slaves:2',
  'master_replid:history-b',
  'master_replid2:history-a',
  'master_repl_offset:120',
  'second_repl_offset:101',
  'aof_enabled:1',
].join('\r\n');

const server = parseInfo(PROMOTED);

describe('a reply to INFO', () => {
  test('names the run, the history and the position at which a replica took over', () => {
    expect(server).toEqual({
      runId: 'b',
      isReplica: false,
      replicaCount: 2,
      usesAppendOnlyFile: true,
      historyId: 'history-b',
      offset: 120,
      previousHistoryId: 'history-a',
      takeoverOffset: 101,
      wasReplica: true,
    });
  });

  test.each([
    ['role:slave', true],
    ['role:replica', true],
    ['role:master', false],
    ['', false],
  ])('with %j says that isReplica is %s', (info, isReplica) => {
    expect(parseInfo(info).isReplica).toBe(isReplica);
  });

  test('of a service that tells nothing leaves everything unknown', () => {
    const { runId, historyId, wasReplica, usesAppendOnlyFile } = parseInfo('# Proxy\r\nversion:1\r\n');
    expect([runId, historyId, wasReplica, usesAppendOnlyFile]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ]);
  });
});

describe('a mark', () => {
  test.each<[string, Mark]>([
    ['a history', { runId: 'a', historyId: 'history-a', isContinued: false }],
    ['a continued history', { runId: 'a', historyId: 'history-a', isContinued: true }],
    ['a replaced run', { runId: 'a', historyId: 'history-a', isContinued: false, replacedRunId: 'b' }],
    ['no history', { runId: 'a', historyId: undefined, isContinued: false }],
  ])('with %s is read as it was written', (_title, mark) => {
    expect(parseMark(formatMark(mark))).toEqual(mark);
  });

  test.each([undefined, '', ' x'])('of %j is no mark', (text) => {
    expect(parseMark(text)).toBeUndefined();
  });
});

describe('a primary', () => {
  const mark = (runId: string, isContinued = false): Mark => ({
    runId,
    historyId: `history-${runId}`,
    isContinued,
  });
  const known = (runId: string, offset: number): KnownServer => ({
    runId,
    historyId: `history-${runId}`,
    offset,
  });
  const restarted: ServerInfo = { ...server, wasReplica: false };
  const redis6: ServerInfo = { ...server, wasReplica: undefined };

  test.each<[string, ServerInfo, Mark | undefined, KnownServer | undefined, string]>([
    ['that nobody has used before', server, undefined, undefined, 'same'],
    ['that is marked', server, mark('b'), undefined, 'same'],
    ['that is marked and known', server, mark('b'), known('b', 0), 'same'],
    ['that lost its mark', server, undefined, known('b', 0), 'same'],
    ['that continues the marked history', server, mark('a'), undefined, 'continued'],
    ['that continues the known history', server, undefined, known('a', 100), 'continued'],
    ['of Redis 6 that continues the marked history', redis6, mark('a'), undefined, 'continued'],
    ['that took over before the known offset', server, mark('a'), known('a', 101), 'replica-behind'],
    [
      'that others kept, and that took over before the known offset',
      server,
      mark('b', true),
      known('a', 101),
      'replica-behind',
    ],
    [
      'that others purged, and that took over before the known offset',
      server,
      { ...mark('b'), replacedRunId: 'a' },
      known('a', 101),
      'same',
    ],
    [
      'that others used before, and not after the known server',
      server,
      { ...mark('b'), replacedRunId: 'c' },
      known('z', 0),
      'unknown-history',
    ],
    ['that restarted', restarted, mark('c'), undefined, 'restarted'],
    [
      'that restarted, and names its own history before the restart',
      restarted,
      mark('a'),
      undefined,
      'restarted',
    ],
    ['that restarted without a mark', restarted, undefined, known('c', 0), 'restarted'],
    ['of Redis 6 that restarted', redis6, mark('c'), undefined, 'restarted'],
    ['that was a replica of another primary', server, mark('c'), undefined, 'unknown-history'],
    [
      'of a mark without a history',
      server,
      { ...mark('a'), historyId: undefined },
      undefined,
      'unknown-history',
    ],
    [
      'that continues the marked history, but not the known one',
      server,
      mark('a'),
      known('c', 0),
      'unknown-history',
    ],
  ])('%s', (_title, info, marked, before, result) => {
    expect(compareHistory(info, marked, before)).toBe(result);
  });
});
