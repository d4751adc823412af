import type { OperationEntry } from './history.js';

/** Operations with a time each: finds the one that was invoked last of those before a time. */
export class NewestByTime<T extends { readonly operation: OperationEntry }> {
  readonly #times: readonly number[];
  /** At index `i`: of the entries 0 to `i`, the one that was invoked last. */
  readonly #newest: readonly T[];

  /** @param timeOf when an entry takes effect; its entries may be in any order */
  constructor(entries: readonly T[], timeOf: (entry: T) => number) {
    const sorted = entries.toSorted((one, other) => timeOf(one) - timeOf(other));
    this.#times = sorted.map(timeOf);
    const newest: T[] = [];
    for (const entry of sorted) {
      const before = newest.at(-1);
      const isNewer = before === undefined || entry.operation.invokedAt > before.operation.invokedAt;
      newest.push(isNewer ? entry : before);
    }
    this.#newest = newest;
  }

  /** Of the entries before a time, the one that was invoked last. O(log n). */
  before(time: number): T | undefined {
    return this.#newest[this.countBefore(time) - 1];
  }

  /** O(log n). */
  countBefore(time: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] as number) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
