/**
 * Checks a history against what the store guarantees under failures:
 *
 * > If any client sets, deletes or clears a key while the key's node is unreachable for a client, no client
 * > reads the key's old value from the node once the node is back. No fallback entry outlives the next write
 * > to its key.
 *
 * The store is a cache: a miss or an error is always allowed. Only a value can be wrong. main.ts explains the
 * terms.
 *
 * **Settled.** Client A writes a key that node N owns. The write is a set, a delete, or the part of a clear
 * that concerns N.
 *
 * - If N replied, and A saw N as up from the invocation to the completion, the write is acknowledged. It is
 *   settled when it completes.
 * - Otherwise, the write failed, timed out, was dropped or went to a fallback node, or N's state changed
 *   during the write. A has to remove the key from N before A uses N again. So the write is settled when A
 *   first sees N come up after the write's completion. If N is suspect, it comes up when it replies again.
 * - If A never sees N come up again, the write is never settled.
 *
 * If delete() returns `false` in mode `error`, N replied. In the other modes, `false` can also mean that N
 * did not reply in time. There, `false` counts as a reply only if delete() returned it before the deadline.
 * Likewise, a clear() counts as a reply only if it completed before the deadline.
 *
 * **Stale.** A read R that returns the value of a write W is stale if there is a write X to the same key with
 *
 *     W overwritable  <  X invoked          X settled  <  R invoked
 *
 * An acknowledged W is overwritable when it is settled. Any other W is overwritable
 *
 * - in the modes `error` and `miss`, when it is settled;
 * - in mode `failover`, when it is settled and its client has since then seen all nodes as up at the same
 *   time, because the client could then remove every fallback entry of W. If W failed, it is never
 *   overwritable, because it is unknown which nodes it reached.
 *
 * This rule raises no false alarms. W's value can be in two places, on N and in a fallback entry. It is gone
 * from both places when R is invoked:
 *
 * - On N: if W is acknowledged, its value is on N when W completes, so X overwrites it. If W is not
 *   acknowledged, a command from W can still be in flight, but only on a connection that W's client dropped
 *   before this client used N again. The server reads such a command before it reads from later connections.
 *   In addition, this checker's proxies deliver nothing from a closed connection. So when W is overwritable,
 *   no command from W is in flight, and X comes after all of W's commands. If X is acknowledged, X has
 *   overwritten W. Otherwise, X's client removed the key from N before X was settled.
 * - In a fallback entry: if W is acknowledged, it has no fallback entries. If W is not acknowledged, its
 *   fallback entries are removed before W is overwritable.
 *
 * So it does not matter how R's client sees the node. Before X is settled, a client that can still reach N
 * may read W there. The rule ignores such reads.
 *
 * **After a rollback.** A server that is killed and restarted from an old snapshot loses acknowledged writes.
 * With `restartPolicy: 'purge'`, no client may notice the loss. With `'keep'`, the operator accepts the loss,
 * so X counts only if it was invoked after the old server process was gone. Even if such an X failed, the key
 * has to be removed from the new server process. In mode `failover`, this applies to a rollback of any node,
 * because any node's snapshot can bring back a fallback entry.
 *
 * **Unwritten.** A read returned a value that was never written, was written to another key, or was written
 * only after the read.
 *
 * **Deadline.** A call took longer than the sum of commandTimeoutMs, 100 ms, and the event loop delay during
 * the call. clear() is exempt, because the deadline applies to each of its commands, not to the whole call.
 *
 * **Crash.** A worker process did not exit with code 0. An unhandled rejection also ends a worker process.
 *
 * **Error.** A call rejected with an error that is not a store error.
 *
 * **Stuck.** All servers reply again, but a client does not see one of them as up.
 *
 * Not checked: the order of concurrent writes, and fallback entries of a failed W.
 */
import type { Entry, FaultEntry, History, OperationEntry } from './history.js';
import { KeyHistory } from './key-history.js';
import { Settlement, type Write } from './settlement.js';

export const DEADLINE_MARGIN_MS = 100;

export const RULES = ['stale', 'unwritten', 'deadline', 'error', 'crash', 'stuck'] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly message: string;
  /** The entries that prove the violation. */
  readonly evidence: readonly Entry[];
  readonly node?: string | undefined;
  /** `from` and `to` are the period in which to look for other causes. */
  readonly from: number;
  readonly to: number;
}

export interface Counts {
  readonly operations: number;
  readonly reads: number;
  /** Reads with a value. */
  readonly hits: number;
  /** Hits that could be stale, because another write to the key was settled before the read. */
  readonly checked: number;
  /**
   * Reads of keys whose newest settled write did not reach the node. If such a read is correct, the
   * write's client has removed the key from the node.
   */
  readonly afterMissedWrite: number;
}

export interface CheckResult {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

export function checkHistory(history: History): CheckResult {
  const keyHistories = keyHistoriesOf(history);
  const writeByValue = new Map<string, OperationEntry>();
  for (const operation of history.operations) {
    if (operation.action === 'set' && operation.value !== undefined) {
      writeByValue.set(operation.value, operation);
    }
  }
  const counts = {
    operations: history.operations.length,
    reads: 0,
    hits: 0,
    checked: 0,
    afterMissedWrite: 0,
  };
  const violations: Violation[] = [];
  for (const read of history.operations) {
    if (read.action !== 'read') continue;
    counts.reads += 1;
    const key = read.key as string;
    const keyHistory = keyHistories.get(key) as KeyHistory;
    const newest = keyHistory.newestSettledBefore(read.invokedAt);
    if (newest !== undefined && !newest.acknowledged) counts.afterMissedWrite += 1;
    if (read.outcome !== 'ok') continue;
    counts.hits += 1;
    const source = writeByValue.get(read.value as string);
    const unwritten = unwrittenMessage(read, source);
    if (unwritten !== undefined || source === undefined) {
      violations.push(readViolation('unwritten', unwritten ?? '', history, read, source));
      continue;
    }
    if (newest === undefined) continue;
    if (newest.operation !== source || keyHistory.settledCountBefore(read.invokedAt) > 1) counts.checked += 1;
    const write = keyHistory.writeOf(source) as Write;
    const acceptedLoss = acceptedLossBefore(history, history.owners[key] as string, read);
    // Checking the settled write that was invoked last is enough: if it does not prove that the read is
    // stale, no other write does.
    if (newest.operation.invokedAt > Math.max(write.overwritableAt, acceptedLoss)) {
      const how = newest.acknowledged ? 'was acknowledged' : 'was settled when the node came up again';
      const message = `${read.client} read ${read.value} of ${key} after a ${newest.operation.call}() that ${how}`;
      violations.push(readViolation('stale', message, history, read, source, newest.operation));
    }
  }
  violations.push(
    ...deadlineViolations(history),
    ...errorViolations(history),
    ...crashViolations(history),
    ...stuckViolations(history),
  );
  return { violations: violations.sort((one, other) => one.from - other.from), counts };
}

/** Each key's writes, including clears. */
function keyHistoriesOf(history: History): ReadonlyMap<string, KeyHistory> {
  const settlement = new Settlement(history);
  const writes = new Map<string, Write[]>(Object.keys(history.owners).map((key) => [key, []]));
  for (const operation of history.operations) {
    if (operation.action === 'read') continue;
    if (operation.action === 'clear') {
      const byNode = new Map(history.run.nodes.map((node) => [node, settlement.settle(operation, node)]));
      for (const [key, writesOfKey] of writes)
        writesOfKey.push(byNode.get(history.owners[key] as string) as Write);
    } else {
      const key = operation.key as string;
      writes.get(key)?.push(settlement.settle(operation, history.owners[key] as string));
    }
  }
  return new Map(Array.from(writes, ([key, writesOfKey]) => [key, new KeyHistory(writesOfKey)]));
}

function unwrittenMessage(read: OperationEntry, source: OperationEntry | undefined): string | undefined {
  const start = `${read.client} read ${read.value} of ${read.key}, `;
  if (source === undefined) return `${start}which was never written`;
  if (source.key !== read.key) return `${start}which was written to ${source.key}`;
  if (source.invokedAt > read.completedAt) return `${start}which was written only after the read`;
  return undefined;
}

/** Returns a time. If an acknowledged write was invoked before it, the write's loss is accepted. */
function acceptedLossBefore({ run, faults }: History, node: string, read: OperationEntry): number {
  if (run.restartPolicy === 'purge') return Number.NEGATIVE_INFINITY;
  const isBefore = (fault: FaultEntry) =>
    fault.kind === 'rollback' &&
    (fault.node === node || run.mode === 'failover') &&
    fault.from < read.completedAt;
  return Math.max(
    Number.NEGATIVE_INFINITY,
    ...faults.filter(isBefore).map(({ goneAt }) => goneAt ?? Number.NEGATIVE_INFINITY),
  );
}

function readViolation(
  rule: Rule,
  message: string,
  history: History,
  read: OperationEntry,
  source: OperationEntry | undefined,
  overwrite?: OperationEntry,
): Violation {
  const evidence = [source, overwrite, read].filter((entry) => entry !== undefined);
  const from = (overwrite ?? source ?? read).invokedAt;
  return { rule, message, evidence, node: history.owners[read.key as string], from, to: read.completedAt };
}

function deadlineViolations({ operations, run, owners }: History): Violation[] {
  const limitMs = run.commandTimeoutMs + DEADLINE_MARGIN_MS;
  const seen = new Set<string>();
  return operations.flatMap((operation) => {
    const { client, call, action, key, invokedAt, completedAt, eventLoopDelayMs } = operation;
    const tookMs = completedAt - invokedAt;
    if (action === 'clear' || tookMs - eventLoopDelayMs <= limitMs) return [];
    // A multi-key call counts only once.
    const id = `${client} ${call} ${invokedAt}`;
    if (seen.has(id)) return [];
    seen.add(id);
    const end = operation.outcome === 'pending' ? 'did not complete within' : 'took';
    const message = `${call}() of ${client} ${end} ${tookMs.toFixed(0)} ms, including an event loop delay of ${eventLoopDelayMs.toFixed(0)} ms; the limit without the delay is ${limitMs} ms`;
    const node = owners[key as string];
    return [
      { rule: 'deadline', message, evidence: [operation], node, from: invokedAt, to: completedAt } as const,
    ];
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

function crashViolations({ exits }: History): Violation[] {
  return exits
    .filter(({ code }) => code !== 0)
    .map((exit) => {
      const message = `process ${exit.process} exited (${exit.signal ?? exit.code}):\n${exit.stderr.trim()}`;
      return { rule: 'crash', message, evidence: [exit], from: exit.at, to: exit.at };
    });
}

function stuckViolations({ stuck, run }: History): Violation[] {
  return stuck.map((entry) => {
    const { client, node, waitedMs } = entry;
    const message = `${client} does not see ${node} as up ${waitedMs.toFixed(0)} ms after the last fault`;
    return { rule: 'stuck', message, evidence: [entry], node, from: run.startedAt, to: run.startedAt };
  });
}
