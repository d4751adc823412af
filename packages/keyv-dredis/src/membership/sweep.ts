import type { PrefixSet } from '../format/prefix-set.js';
import type { Node } from '../node/node.js';
import { pagesOf } from '../sharding/scan.js';
import { watchScan } from '../sharding/scan-progress.js';
import { MAX_PAGE_SIZE } from './pull.js';
import { maintain, type RemoveResult, removeStrings } from './script-calls.js';

export interface SweepOptions {
  readonly node: Node;
  /** Whether the node owns a key at present. */
  readonly isOwner: (key: string) => boolean;
  /** Head of the present record; undefined in epoch 0, when the server must hold no record. */
  readonly head: string | undefined;
  readonly prefixes: PrefixSet;
  /** Keys per SCAN. */
  readonly scanCount: number;
  /** Ends the sweep early. */
  readonly signal: AbortSignal;
}

export interface SweepResult extends RemoveResult {
  /** Whether the signal has ended the sweep. */
  readonly isStopped: boolean;
}

/**
 * Like {@link sweepNode}, for a sweep without which the next step must not be taken.
 *
 * @throws what the signal was aborted with, if it has ended the sweep
 */
export async function sweepWhole(options: SweepOptions): Promise<void> {
  const { isStopped } = await sweepNode(options);
  if (isStopped) options.signal.throwIfAborted();
}

/**
 * Removes the keys from a node that it does not own. They are left over from earlier changes, and if the node gets
 * them in a later change, they would be read as old values.
 *
 * @throws SupersededError if the server holds another record
 * @throws DRedisError if the node fails
 */
export async function sweepNode(options: SweepOptions): Promise<SweepResult> {
  const { node, isOwner, head, prefixes, scanCount, signal } = options;
  const send = maintain(node);
  const run = watchScan(send, () => signal.throwIfAborted());
  const result = { removedCount: 0, otherCount: 0, isStopped: false };
  try {
    for await (const page of pagesOf(run, prefixes, scanCount)) {
      const orphans = page.filter((key) => !isOwner(key));
      for (let start = 0; start < orphans.length; start += MAX_PAGE_SIZE) {
        signal.throwIfAborted();
        const removed = await removeStrings(orphans.slice(start, start + MAX_PAGE_SIZE), send, head);
        result.removedCount += removed.removedCount;
        result.otherCount += removed.otherCount;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    result.isStopped = true;
  }
  return result;
}
