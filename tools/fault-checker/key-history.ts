import type { OperationEntry } from './history.js';
import type { Write } from './settlement.js';

/** All writes of one key. */
export class KeyHistory {
  readonly #byOperation: ReadonlyMap<OperationEntry, Write>;
  /** In the order in which they settled. */
  readonly #settled: readonly Write[];
  /** Of the first so many that settled, the one that was invoked last. */
  readonly #newest: readonly Write[];

  constructor(writes: readonly Write[]) {
    this.#byOperation = new Map(writes.map((write) => [write.operation, write]));
    this.#settled = writes
      .filter(({ settledAt }) => settledAt < Number.POSITIVE_INFINITY)
      .sort((one, other) => one.settledAt - other.settledAt);
    const newest: Write[] = [];
    for (const write of this.#settled) {
      const before = newest.at(-1);
      const isNewer = before === undefined || write.operation.invokedAt > before.operation.invokedAt;
      newest.push(isNewer ? write : before);
    }
    this.#newest = newest;
  }

  writeOf(operation: OperationEntry): Write | undefined {
    return this.#byOperation.get(operation);
  }

  /** Of the writes that were settled before a moment, the one that was invoked last. O(log n). */
  newestSettledBefore(moment: number): Write | undefined {
    return this.#newest[this.settledCountBefore(moment) - 1];
  }

  /** O(log n). */
  settledCountBefore(moment: number): number {
    let low = 0;
    let high = this.#settled.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#settled[middle] as Write).settledAt < moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
