/**
 * Checks a history against what the store guarantees under failures. main.ts explains the terms.
 *
 * The store is a cache: a miss or an error is allowed, except where rule `lost` says otherwise. Only a value can be
 * wrong.
 *
 * **Stale, unwritten, lost, torn.** See check-values.ts.
 *
 * **Unfinished, split.** See check-topology.ts.
 *
 * **Deadline.** A call took longer than the sum of commandTimeoutMs, 100 ms, and the event loop delay during
 * the call. commandTimeoutMs is measured by the clock of the process, which may be slow. clear() is exempt, because the
 * deadline applies to each of its commands, not to the whole call.
 *
 * **Error.** A call rejected with an error that is not a store error.
 *
 * **Crash.** A worker process did not exit with code 0, or an operator threw an unknown error. An unhandled rejection
 * also ends a worker process.
 *
 * **Stuck.** The last fault is long over, and a client does not see all nodes as up, or a node is not in, or entries
 * still move.
 */
import { split, unfinished } from './check-topology.js';
import { checkValues } from './check-values.js';
import { type History, processOf } from './history.js';
import type { Counts, Violation } from './rules.js';

export const DEADLINE_MARGIN_MS = 100;

export interface CheckResult {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

export function checkHistory(history: History): CheckResult {
  const { violations, counts } = checkValues(history);
  const all = [
    ...violations,
    ...unfinished(history),
    ...split(history),
    ...deadlineViolations(history),
    ...errorViolations(history),
    ...crashViolations(history),
    ...stuckViolations(history),
  ];
  return { violations: all.sort((one, other) => one.from - other.from), counts };
}

function deadlineViolations({ operations, run }: History): Violation[] {
  const seen = new Set<string>();
  return operations.flatMap((operation) => {
    const { client, call, action, invokedAt, completedAt, eventLoopDelayMs } = operation;
    const limitMs = run.commandTimeoutMs / (run.clockRates[processOf(client)] ?? 1) + DEADLINE_MARGIN_MS;
    const tookMs = completedAt - invokedAt;
    if (action === 'clear' || tookMs - eventLoopDelayMs <= limitMs) return [];
    // A multi-key call counts only once.
    const id = `${client} ${call} ${invokedAt}`;
    if (seen.has(id)) return [];
    seen.add(id);
    const end = operation.outcome === 'pending' ? 'did not complete within' : 'took';
    const message = `${call}() of ${client} ${end} ${tookMs.toFixed(0)} ms, including an event loop delay of ${eventLoopDelayMs.toFixed(0)} ms; the limit without the delay is ${limitMs.toFixed(0)} ms`;
    return [{ rule: 'deadline', message, evidence: [operation], from: invokedAt, to: completedAt } as const];
  });
}

function errorViolations({ operations }: History): Violation[] {
  return operations
    .filter(({ outcome, error }) => outcome === 'error' && !error?.startsWith('DREDIS_'))
    .map((operation) => {
      const message = `${operation.call}() of ${operation.client} rejected with ${operation.error}`;
      return {
        rule: 'error',
        message,
        evidence: [operation],
        from: operation.invokedAt,
        to: operation.completedAt,
      };
    });
}

function crashViolations({ exits, changes }: History): Violation[] {
  return [
    ...exits
      .filter(({ code }) => code !== 0)
      .map((exit): Violation => {
        const message = `process ${exit.process} exited (${exit.signal ?? exit.code}):\n${exit.stderr.trim()}`;
        return { rule: 'crash', message, evidence: [exit], from: exit.at, to: exit.at };
      }),
    ...changes
      .filter(({ outcome }) => outcome === 'crashed')
      .map((change): Violation => {
        const message = `operator ${change.operator} has crashed: ${change.error}`;
        return { rule: 'crash', message, evidence: [change], from: change.from, to: change.to };
      }),
  ];
}

function stuckViolations({ stuck, run }: History): Violation[] {
  return stuck.map((entry) => {
    const { client, problem, waitedMs } = entry;
    const message = `${client} sees ${waitedMs.toFixed(0)} ms after the last fault that ${problem}`;
    return { rule: 'stuck', message, evidence: [entry], from: run.startedAt, to: run.startedAt };
  });
}
