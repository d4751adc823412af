/** Builders for short histories. Times are in milliseconds. */
import { checkHistory } from '../../../fault-checker/check-history.js';
import {
  type Entry,
  type FaultEntry,
  type OperationEntry,
  type RunEntry,
  type TopologyEntry,
  toHistory,
} from '../../../fault-checker/history.js';

export const RUN: RunEntry = {
  type: 'run',
  seed: 'none',
  mode: 'error',
  restartPolicy: 'keep',
  commandTimeoutMs: 300,
  nodes: ['n1', 'n2'],
  clockRates: {},
  startedAt: 0,
};

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
export const fault = (
  kind: FaultEntry['kind'],
  from: number,
  to: number,
  more: Partial<FaultEntry> = {},
): FaultEntry => ({ type: 'fault', kind, nodes: ['n1'], from, to, ...more });

/** A client uses a topology. */
export const topology = (
  client: string,
  epoch: number,
  more: Partial<TopologyEntry> = {},
): TopologyEntry => ({
  type: 'topology',
  client,
  epoch,
  phase: 'settled',
  fingerprint: 'f',
  nodes: ['n1', 'n2'],
  states: {},
  at: epoch,
  isFinal: false,
  ...more,
});

export function check(entries: readonly Entry[], run: Partial<RunEntry> = {}) {
  return checkHistory(toHistory([{ ...RUN, ...run }, ...entries]));
}

export function brokenRules(entries: readonly Entry[], run: Partial<RunEntry> = {}): string[] {
  return check(entries, run).violations.map(({ rule }) => rule);
}

export type Case = readonly [name: string, entries: readonly Entry[]];
