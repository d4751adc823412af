import type { Workload } from '../../shared/workload.js';
import { WrongResult } from '../../shared/wrong-result.js';
import type { Subject } from './contestant.js';

/** Approximate size of the values that one setMany call writes. */
const CHUNK_BYTES = 100_000;
/** Maximum number of keys that are read back after a round of writes. */
const MAX_CHECKED_KEYS = 100;

/** Workloads that are already in Redis. A scenario's cells share them. */
const filled = new WeakSet<Workload>();

/** Writes every key's first value, once per process. */
export async function fill(subject: Subject, workload: Workload): Promise<void> {
  if (filled.has(workload)) return;
  filled.add(workload);
  const {
    keys,
    values: [values],
  } = workload;
  const chunkSize = Math.max(1, Math.floor(CHUNK_BYTES / (values[0] as string).length));
  for (let from = 0; from < keys.length; from += chunkSize) {
    const entries = keys
      .slice(from, from + chunkSize)
      .map((key, offset) => ({ key, value: values[from + offset] as string }));
    await subject.setMany(entries);
  }
}

/**
 * Reads back the first keys that a round wrote.
 *
 * @param values the value of each key of the workload; none for keys that were removed
 * @throws WrongResult if a key has a different value
 */
export async function checkWritten(
  subject: Subject,
  { keys, order }: Workload,
  values: readonly string[],
  writeCount: number,
): Promise<void> {
  const written = [...new Set(order.subarray(0, Math.min(writeCount, MAX_CHECKED_KEYS)))];
  const found = await subject.getMany(written.map((index) => keys[index] as string));
  for (const [position, index] of written.entries()) {
    // A missing value is null or undefined.
    if ((found[position] ?? undefined) === values[index]) continue;
    throw new WrongResult(`${keys[index]} after the round`, values[index], found[position]);
  }
}
