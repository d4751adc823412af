/**
 * Checks a history against what the store guarantees under failures:
 *
 * > Once a node has been unreachable for a client and is back, no client of ours reads from it a value of
 * > a key that was set, deleted or cleared through any client of ours while it was away, and no failover
 * > copy outlives its key's next write.
 *
 * It is a cache: a miss is always right, and so is an error. What remains to be wrong is a value.
 *
 * **When a write is settled.** A write (set, delete, or clear as far as one node is concerned) by client A on
 * a key of node N settles
 *
 * - when it completes, if N has answered it and A saw N up from its invocation to its completion;
 * - else when A first sees N come back up after its completion: it failed, timed out, was dropped, was served
 *   by failover, or N's state changed meanwhile, and A owes N the removal of that key before it uses N again.
 *   A node that was suspect and answers again comes back up as well;
 * - never, if that does not happen.
 *
 * A false from delete() was answered by N in mode `error`. In the others it can also stand for a node that did
 * not answer in time, so it counts as answered only if it came before the deadline could have passed; and so
 * does a clear() there.
 *
 * **Stale.** A read R that returns the value of a write W is a violation if there is a write X on the key with
 *
 *     W is done  <  X invoked          X settled  <  R invoked
 *
 * where W is done when it is settled and, with failover, its client has then seen all nodes up at one moment,
 * so that it could remove every copy of W. A W that failed is never done with failover: nobody knows where it
 * was tried.
 *
 * Why this raises no false alarm. The value of W can be on N or in a failover copy.
 *
 * - On N: an acknowledged W is there from its completion on, for X to overwrite. Of any other W a command may
 *   still be on its way to N, but on a connection that was given up before its client readmitted N. The server
 *   reads that before it reads what comes on a connection that was made later (and the proxies of this checker
 *   deliver nothing of a connection that its client has closed). So when W is done no command of it is left,
 *   and X comes after it. An acknowledged X has overwritten W; any other X has made its client remove the key
 *   from N before N was up for it.
 * - In a copy: an acknowledged W has none. Any other W had it removed before it was done.
 *
 * So W is nowhere any more when R begins, whatever R's client thinks of N: R needs no rule about its own view.
 * Before X is settled it would: a client that still reaches N may read W there, and such an R is not judged.
 *
 * **After a rollback.** A server that is killed and restarted from an old snapshot has lost acknowledged
 * writes. With `restartPolicy: 'purge'` nobody may notice. With `'keep'` the operator has said that the data is
 * good, so only such X count as were invoked when the old process was gone: if they failed, the key still has
 * to be removed from the new one. (With failover, a snapshot of any node may bring back a copy.)
 *
 * **Alien.** A read returns a value that was never written, was written to another key, or only later.
 *
 * **Deadline.** A call took longer than commandTimeoutMs, 100 ms, and the time by which the event loop of its
 * process was late meanwhile. Not clear(), which has the deadline for each of its steps.
 *
 * **Crash.** A worker's process ended otherwise than it should; an unhandled rejection ends it. **Error.** A
 * call rejected with something that is none of the store's errors. **Stuck.** All servers answer again, and a
 * client still does not use one of them.
 *
 * Not judged: what is read of writes that overlap, and copies of a W that failed.
 */
import type { Entry, FaultEntry, History, OperationEntry } from './history.js';
import { KeyHistory } from './key-history.js';
import { Settlement, type Write } from './settlement.js';

export const DEADLINE_MARGIN_MS = 100;

export const RULES = ['stale', 'alien', 'deadline', 'error', 'crash', 'stuck'] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly message: string;
  /** The entries that prove it. */
  readonly evidence: readonly Entry[];
  /** Where it happened, and from when to when, for those who want to see what else did. */
  readonly node?: string | undefined;
  readonly from: number;
  readonly to: number;
}

export interface Counts {
  readonly operations: number;
  readonly reads: number;
  /** Reads with a value. */
  readonly hits: number;
  /** Hits before which another write of the key was settled: these could have been stale. */
  readonly judged: number;
  /** Of all reads, those whose last settled write never got an answer from the node: only its removal makes them right. */
  readonly afterMissedWrite: number;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

export function checkHistory(history: History): Verdict {
  const writes = writesOf(history);
  const written = new Map<string, OperationEntry>();
  for (const operation of history.operations) {
    if (operation.action === 'set' && operation.value !== undefined) written.set(operation.value, operation);
  }
  const counts = { operations: history.operations.length, reads: 0, hits: 0, judged: 0, afterMissedWrite: 0 };
  const violations: Violation[] = [];
  for (const read of history.operations) {
    if (read.action !== 'read') continue;
    counts.reads += 1;
    const key = read.key as string;
    const ofKey = writes.get(key) as KeyHistory;
    const newest = ofKey.newestSettledBefore(read.invokedAt);
    if (newest !== undefined && !newest.acknowledged) counts.afterMissedWrite += 1;
    if (read.outcome !== 'ok') continue;
    counts.hits += 1;
    const source = written.get(read.value as string);
    const alien = alienMessage(read, source);
    if (alien !== undefined || source === undefined) {
      violations.push(violationOf('alien', alien ?? '', history, read, source));
      continue;
    }
    if (newest === undefined) continue;
    if (newest.operation !== source || ofKey.settledCountBefore(read.invokedAt) > 1) counts.judged += 1;
    const write = ofKey.writeOf(source) as Write;
    const lostBefore = lostBeforeOf(history, history.owners[key] as string, read);
    // Of all writes settled by then the one that was invoked last: if it does not prove it, none does.
    if (newest.operation.invokedAt > Math.max(write.doneAt, lostBefore)) {
      const how = newest.acknowledged ? 'acknowledged' : 'settled by the return of the node';
      const message = `${read.client} read ${read.value} of ${key} after a ${newest.operation.call}() that was ${how}`;
      violations.push(violationOf('stale', message, history, read, source, newest.operation));
    }
  }
  violations.push(...lateCalls(history), ...strangeErrors(history), ...crashes(history), ...stuck(history));
  return { violations: violations.sort((one, other) => one.from - other.from), counts };
}

/** What was written to each key, clears included. */
function writesOf(history: History): ReadonlyMap<string, KeyHistory> {
  const settlement = new Settlement(history);
  const writes = new Map<string, Write[]>(Object.keys(history.owners).map((key) => [key, []]));
  for (const operation of history.operations) {
    if (operation.action === 'read') continue;
    if (operation.action === 'clear') {
      const byNode = new Map(history.run.nodes.map((node) => [node, settlement.of(operation, node)]));
      for (const [key, ofKey] of writes) ofKey.push(byNode.get(history.owners[key] as string) as Write);
    } else {
      const key = operation.key as string;
      writes.get(key)?.push(settlement.of(operation, history.owners[key] as string));
    }
  }
  return new Map(Array.from(writes, ([key, ofKey]) => [key, new KeyHistory(ofKey)]));
}

function alienMessage(read: OperationEntry, source: OperationEntry | undefined): string | undefined {
  const what = `${read.client} read ${read.value} of ${read.key}, `;
  if (source === undefined) return `${what}which nobody ever wrote`;
  if (source.key !== read.key) return `${what}which was written to ${source.key}`;
  if (source.invokedAt > read.completedAt) return `${what}which was written only later`;
  return undefined;
}

/** Up to when acknowledged writes may be lost for good reason. */
function lostBeforeOf({ run, faults }: History, node: string, read: OperationEntry): number {
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

function violationOf(
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

function lateCalls({ operations, run, owners }: History): Violation[] {
  const limitMs = run.commandTimeoutMs + DEADLINE_MARGIN_MS;
  const seen = new Set<string>();
  return operations.flatMap((operation) => {
    const { client, call, action, key, invokedAt, completedAt, lateMs } = operation;
    const tookMs = completedAt - invokedAt;
    if (action === 'clear' || tookMs - lateMs <= limitMs) return [];
    // A call over many keys is told of once.
    const id = `${client} ${call} ${invokedAt}`;
    if (seen.has(id)) return [];
    seen.add(id);
    const end = operation.outcome === 'pending' ? 'has not ended after' : 'took';
    const message = `${call}() of ${client} ${end} ${tookMs.toFixed(0)} ms, with ${lateMs.toFixed(0)} ms of a late event loop; ${limitMs} ms are allowed`;
    const node = owners[key as string];
    return [
      { rule: 'deadline', message, evidence: [operation], node, from: invokedAt, to: completedAt } as const,
    ];
  });
}

function strangeErrors({ operations }: History): Violation[] {
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

function crashes({ exits }: History): Violation[] {
  return exits
    .filter(({ code }) => code !== 0)
    .map((exit) => {
      const message = `process ${exit.process} ended (${exit.signal ?? exit.code}):\n${exit.stderr.trim()}`;
      return { rule: 'crash', message, evidence: [exit], from: exit.at, to: exit.at };
    });
}

function stuck({ stuck, run }: History): Violation[] {
  return stuck.map((entry) => {
    const { client, node, waitedMs } = entry;
    const message = `${client} does not see ${node} up ${waitedMs.toFixed(0)} ms after the last fault was over`;
    return { rule: 'stuck', message, evidence: [entry], node, from: run.startedAt, to: run.startedAt };
  });
}
