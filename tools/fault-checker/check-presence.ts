import type { OperationEntry } from './history.js';
import { type KeyCheck, type Violation, violation, type Write } from './rules.js';

/** Misses of entries that must be there. @param calmUntil until then, no entry may be lost */
export function lostEntries({
  reads,
  writes,
  calmUntil,
  counts,
}: KeyCheck & { calmUntil: number }): Violation[] {
  const violations: Violation[] = [];
  const sorted = writes.toSorted((one, other) => one.operation.invokedAt - other.operation.invokedAt);
  for (const read of reads) {
    if (read.completedAt >= calmUntil || read.outcome === 'error') continue;
    counts.calmReads += 1;
    if (read.outcome === 'miss') counts.calmMisses += 1;
    const before = sorted.filter(({ operation }) => operation.invokedAt <= read.completedAt);
    const last = before.at(-1);
    if (last?.operation.action !== 'set' || !last.isAcknowledged || last.endedAt >= read.invokedAt) continue;
    const isConcurrent = before.some((write) => write !== last && write.endedAt >= last.operation.invokedAt);
    if (isConcurrent) continue;
    counts.guarded += 1;
    if (read.outcome !== 'miss') continue;
    const message = `${read.client} missed ${read.key}, which nobody had removed since a set() was acknowledged`;
    violations.push(violation('lost', message, [last.operation, read]));
  }
  return violations;
}

/** Calls of has() that find a key although it was removed, and cannot have been stored again. */
export function falsePresence(checks: readonly OperationEntry[], writes: readonly Write[]): Violation[] {
  const sorted = writes.toSorted((one, other) => one.operation.invokedAt - other.operation.invokedAt);
  return checks.flatMap((check) => {
    if (check.outcome !== 'ok') return [];
    const known = sorted.filter(
      ({ operation, isAcknowledged }) => isAcknowledged && operation.completedAt < check.invokedAt,
    );
    const removal = known.findLast(({ operation }) => operation.action !== 'set')?.operation;
    if (removal === undefined) return [];
    const maySet = writes.some(
      ({ operation, endedAt }) =>
        operation.action === 'set' &&
        endedAt >= removal.invokedAt &&
        operation.invokedAt <= check.completedAt,
    );
    if (maySet) return [];
    const message = `${check.client} found ${check.key} after a newer ${removal.call}() was acknowledged`;
    return [violation('stale', message, [removal, check])];
  });
}
