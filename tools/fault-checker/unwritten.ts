import type { OperationEntry } from './history.js';

/** Why a read cannot be right, whatever the order of the calls; undefined if it can. @param source the write of its value */
export function unwrittenMessage(
  read: OperationEntry,
  source: OperationEntry | undefined,
): string | undefined {
  const start = `${read.client} read ${read.value} of ${read.key}, `;
  if (source === undefined) return `${start}which was never written`;
  if (source.key !== read.key) return `${start}which was written to ${source.key}`;
  if (source.invokedAt > read.completedAt) return `${start}which was written only after the read`;
  return undefined;
}
