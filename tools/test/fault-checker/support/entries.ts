/** Builders for short histories. Times are in milliseconds. */
import { checkHistory } from '../../../fault-checker/check-history.js';
import {
  type Entry,
  type FaultEntry,
  type NodeState,
  type OperationEntry,
  type RunEntry,
  toHistory,
} from '../../../fault-checker/history.js';

export const RUN: RunEntry = {
  type: 'run',
  seed: 'none',
  mode: 'error',
  restartPolicy: 'keep',
  commandTimeoutMs: 300,
  nodes: ['n1', 'n2'],
  startedAt: 0,
};

/**
 * Node `n1` owns the keys `k` and `l`, and node `n2` owns `m`. From the start, the clients `a`, `b` and `c`
 * see both nodes as up.
 */
export const START: readonly Entry[] = [
  { type: 'owners', owners: { k: 'n1', l: 'n1', m: 'n2' } },
  ...['a', 'b', 'c'].flatMap((client) => [sees(client, 'up', 0), sees(client, 'up', 0, 'n2')]),
];

export function sees(client: string, state: NodeState, at: number, node = 'n1'): Entry {
  return { type: 'state', client, node, state, at };
}

export function operation(
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
    eventLoopDelayMs: 0,
    ...more,
  };
}

export const set = (
  client: string,
  value: string,
  from: number,
  to: number,
  more: Partial<OperationEntry> = {},
) => operation('set', client, from, to, { value, ...more });
export const get = (
  client: string,
  value: string,
  from: number,
  to: number,
  more: Partial<OperationEntry> = {},
) => operation('get', client, from, to, { value, ...more });
export const remove = (client: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('delete', client, from, to, more);
export const clear = (client: string, from: number, to: number, more: Partial<OperationEntry> = {}) =>
  operation('clear', client, from, to, more);
export const FAILED = { outcome: 'error', error: 'DREDIS_NODE_UNAVAILABLE' } as const;
export const rollback = (from: number, goneAt: number, to: number, node = 'n1'): FaultEntry => ({
  type: 'fault',
  kind: 'rollback',
  node,
  from,
  goneAt,
  to,
});

export function check(entries: readonly Entry[], run: Partial<RunEntry> = {}) {
  return checkHistory(toHistory([{ ...RUN, ...run }, ...START, ...entries]));
}

export function brokenRules(entries: readonly Entry[], run: Partial<RunEntry> = {}): string[] {
  return check(entries, run).violations.map(({ rule }) => rule);
}

export type Case = readonly [name: string, entries: readonly Entry[]];
