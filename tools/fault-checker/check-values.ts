/**
 * Checks the values that were read, against the guarantee of the store:
 *
 * > No read returns a value older than a write or delete that was acknowledged, or a value that was seen, before the
 * > read began.
 *
 * There is one rule for all modes. There are no exceptions for servers that died, restarted with an old snapshot, were
 * cut off or were declared away, for keys that move, for processes that stood still, or for slow clocks.
 *
 * **Stale.** A read R that returns the value of a write W is stale if there is a newer W', that is
 *
 *     W ended  <  W' invoked          W' known  <  R invoked
 *
 * W' is known when it is acknowledged, or when a read that has returned its value completes. A set, a delete or a
 * clear is acknowledged when it completes without an error, and a set does not return false. A delete that returns
 * false found no key if the policy is `error`. With the other policies, false can also mean that it was not done.
 *
 * W ended when it was acknowledged. If the outcome of W is unknown, because it failed, timed out or returned false,
 * commands of W may still be on their way: in a connection with a fault, in the buffer of a frozen server, or in a
 * process that stands still. So W ends {@link lateMs} after it has completed and after all such faults that hold it
 * back. A W that never completed never ends.
 *
 * A server that was killed has lost its values. Reads find nothing then, which is never stale. But no older value may
 * come back, from the same server or from another one.
 *
 * The same applies to has(): it must not find a key after a delete or a clear that was acknowledged, unless a set may
 * be newer.
 *
 * **Unwritten.** A read returned a value that was never written, was written to another key, or was written
 * only after the read.
 *
 * **Lost.** Only in mode `membership`. Until the first fault of a server, or of a connection of a worker, only the
 * topology changes, although operators die and lose their connections, and processes stand still. Then a read must not
 * miss an entry: it is lost if an acknowledged set W completed before the read was invoked, and no other write to the
 * key was in progress from the invocation of W to the completion of the read.
 *
 * **Torn.** When all calls have ended, all clients read the same values. Misses count only if the policy is `error`,
 * because with the other policies a miss can also mean that a server did not reply in time.
 *
 * A write that starts over may be executed twice. Then a value that was overwritten in between may come back while its
 * own write is still in progress. It is not older than the other one, because both writes were concurrent. Such reads
 * are counted.
 */

import { falsePresence, lostEntries } from './check-presence.js';
import {
  type FaultEntry,
  FINAL_READ,
  type History,
  type OperationEntry,
  PAUSE,
  processOf,
} from './history.js';
import { settingsOf } from './modes.js';
import { NewestByTime } from './newest-by-time.js';
import { type KeyCheck, type MutableCounts, type Violation, violation, type Write } from './rules.js';
import { unwrittenMessage } from './unwritten.js';

/** Load of the machine: the longest time in which a command is delivered and executed. */
const DELIVERY_MS = 500;
/** A write sends up to three commands with their time limits. */
const COMMANDS_PER_WRITE = 3;
const lateMs = (commandTimeoutMs: number) => COMMANDS_PER_WRITE * commandTimeoutMs + 2 * DELIVERY_MS;

/** Faults that hold back commands. */
const HOLDING = new Set<FaultEntry['kind']>(['freeze', 'blackhole', 'deaf', 'delay', 'pause']);

/** A write that is known from some time on. */
interface Known {
  readonly operation: OperationEntry;
  readonly at: number;
  /** The read that has returned the value; undefined if the write was acknowledged. */
  readonly read?: OperationEntry;
}

export interface ValueResult {
  readonly violations: readonly Violation[];
  readonly counts: MutableCounts;
}

export function checkValues(history: History): ValueResult {
  const { operations, run } = history;
  const counts: MutableCounts = {
    operations: operations.length,
    reads: 0,
    hits: 0,
    checked: 0,
    calmReads: 0,
    calmMisses: 0,
    guarded: 0,
    comebacks: 0,
  };
  const calmUntil = calmEnd(history);
  const isErrorPolicy = settingsOf(run.mode).nodeDownPolicy === 'error';
  const toWrite = writesOf(history, isErrorPolicy);
  const byKey = new Map<string, OperationEntry[]>();
  const clears: Write[] = [];
  const writeByValue = new Map<string, Write>();
  const writes = new Map<OperationEntry, Write>();
  for (const operation of operations) {
    const { action, key, value } = operation;
    if (action !== 'read' && action !== 'has') {
      const write = toWrite(operation);
      writes.set(operation, write);
      if (action === 'clear') clears.push(write);
      if (action === 'set' && value !== undefined) writeByValue.set(value, write);
    }
    if (key === undefined) continue;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [operation]);
    else known.push(operation);
  }
  const violations = [...byKey.values()].flatMap((own) => {
    const reads = own.filter(({ action }) => action === 'read');
    const checks = own.filter(({ action }) => action === 'has');
    const ownWrites = [...own.flatMap((operation) => writes.get(operation) ?? []), ...clears];
    return [
      ...wrongValues({ reads, writes: ownWrites, writeByValue, counts }),
      ...lostEntries({ reads: [...reads, ...checks], writes: ownWrites, calmUntil, counts }),
      ...falsePresence(checks, ownWrites),
      ...tornReads(reads, isErrorPolicy),
    ];
  });
  return { violations, counts };
}

/** Until then, no entry may be lost. */
function calmEnd({ run, operations, faults }: History): number {
  if (run.mode !== 'membership') return Number.NEGATIVE_INFINITY;
  const workers = new Set(operations.map(({ client }) => processOf(client)));
  const isCalm = ({ kind, process }: FaultEntry) =>
    kind === PAUSE || (process !== undefined && !workers.has(process));
  return Math.min(
    Number.POSITIVE_INFINITY,
    ...faults.filter((fault) => !isCalm(fault)).map(({ from }) => from),
  );
}

/** @param isErrorPolicy whether a delete returns false only if the key was not there */
function writesOf({ run, faults }: History, isErrorPolicy: boolean): (operation: OperationEntry) => Write {
  const holding = faults.filter(({ kind }) => HOLDING.has(kind)).sort((one, other) => one.from - other.from);
  const late = lateMs(run.commandTimeoutMs);
  return (operation) => {
    const { outcome, action, completedAt } = operation;
    const isAcknowledged = outcome === 'ok' || (outcome === 'false' && action === 'delete' && isErrorPolicy);
    if (isAcknowledged) return { operation, isAcknowledged, endedAt: completedAt };
    const isPending = outcome === 'pending';
    const endedAt = isPending ? Number.POSITIVE_INFINITY : lateEnd(operation, holding, late);
    return { operation, isAcknowledged, endedAt };
  };
}

/**
 * When the last command of a write with an unknown outcome was executed, at the latest. One fault may hold back what
 * another one has just released.
 *
 * @param holding sorted by their beginnings
 */
function lateEnd(
  { client, invokedAt, completedAt }: OperationEntry,
  holding: readonly FaultEntry[],
  late: number,
): number {
  const process = processOf(client);
  let end = completedAt;
  for (const fault of holding) {
    if (fault.process !== undefined && fault.process !== process) continue;
    const isLater = fault.from > Math.max(completedAt + late, end + DELIVERY_MS);
    if (isLater) break;
    if (fault.to >= invokedAt) end = Math.max(end, fault.to);
  }
  return end + late;
}

/** Reads of older values, and of values that nobody wrote. */
function wrongValues({
  reads,
  writes,
  writeByValue,
  counts,
}: KeyCheck & { readonly writeByValue: ReadonlyMap<string, Write> }): Violation[] {
  const violations: Violation[] = [];
  const known: Known[] = writes
    .filter(({ isAcknowledged }) => isAcknowledged)
    .map(({ operation }) => ({ operation, at: operation.completedAt }));
  const seenAt = new Map<Write, number>();
  for (const read of reads) {
    const write = read.outcome === 'ok' ? writeByValue.get(read.value as string) : undefined;
    if (write === undefined) continue;
    known.push({ operation: write.operation, at: read.completedAt, read });
    seenAt.set(write, Math.min(seenAt.get(write) ?? Number.POSITIVE_INFINITY, read.completedAt));
  }
  const newest = new NewestByTime(known, ({ at }) => at);
  for (const read of reads) {
    counts.reads += 1;
    if (read.outcome !== 'ok') continue;
    counts.hits += 1;
    const write = writeByValue.get(read.value as string);
    const unwritten = unwrittenMessage(read, write?.operation);
    if (unwritten !== undefined || write === undefined) {
      violations.push(violation('unwritten', unwritten ?? '', [write?.operation, read]));
      continue;
    }
    const newer = newest.before(read.invokedAt);
    if (newer === undefined) continue;
    if (newer.operation !== write.operation || newest.countBefore(read.invokedAt) > 1) counts.checked += 1;
    if (newer.operation.invokedAt > write.endedAt) {
      const how = newer.read === undefined ? 'was acknowledged' : `was seen by ${newer.read.client}`;
      const message = `${read.client} read ${read.value} of ${read.key} after a newer ${newer.operation.call}() ${how}`;
      violations.push(violation('stale', message, [write.operation, newer.operation, newer.read, read]));
    } else if (newer.operation.invokedAt > (seenAt.get(write) ?? Number.POSITIVE_INFINITY)) {
      counts.comebacks += 1;
    }
  }
  return violations;
}

/** @param isErrorPolicy whether a miss means that the entry is not there */
function tornReads(reads: readonly OperationEntry[], isErrorPolicy: boolean): Violation[] {
  const final = reads.filter(
    ({ call, outcome }) => call === FINAL_READ && (outcome === 'ok' || (outcome === 'miss' && isErrorPolicy)),
  );
  const [first] = final;
  const other = final.find(({ value }) => value !== first?.value);
  if (first === undefined || other === undefined) return [];
  const message = `at the end, ${first.client} reads ${first.value} of ${first.key}, and ${other.client} reads ${other.value}`;
  return [violation('torn', message, [first, other])];
}
