import type { OperationEntry } from './history.js';
import type { Write } from './settlement.js';

/** All writes to one key. */
export class KeyHistory {
  readonly #byOperation: ReadonlyMap<OperationEntry, Write>;
  /** Settled writes, sorted by `settledAt`. */
  readonly #settled: readonly Write[];
  /** At index `i`: of the settled writes 0 to `i`, the one that was invoked last. */
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

  /** Of the writes settled before a time, returns the one that was invoked last. O(log n). */
  newestSettledBefore(time: number): Write | undefined {
    return this.#newest[this.settledCountBefore(time) - 1];
  }

  /** O(log n). */
  settledCountBefore(time: number): number {
    let low = 0;
    let high = this.#settled.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#settled[middle] as Write).settledAt < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
