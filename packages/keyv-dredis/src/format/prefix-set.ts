import { LEASE_PREFIX, RESERVED_PREFIX } from './reserved-keys.js';

/** A set of prefixes of physical keys. It finds the prefix of a key without trying each prefix. */
export class PrefixSet implements Iterable<string> {
  readonly #prefixes = new Set<string>();
  /** Number of prefixes of each length. */
  readonly #lengths = new Map<number, number>();

  constructor(prefixes: Iterable<string> = []) {
    for (const prefix of prefixes) this.add(prefix);
  }

  get size(): number {
    return this.#prefixes.size;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#prefixes[Symbol.iterator]();
  }

  add(prefix: string): void {
    if (this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  delete(prefix: string): void {
    if (!this.#prefixes.delete(prefix)) return;
    const count = this.#lengths.get(prefix.length) as number;
    if (count === 1) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, count - 1);
  }

  /**
   * A prefix that a key begins with; undefined if there is none. The store's own keys have no prefix, except for
   * leases. O(n) in the number of different lengths.
   */
  prefixOf(key: string): string | undefined {
    const isReserved = key.startsWith(RESERVED_PREFIX);
    for (const length of this.#lengths.keys()) {
      const prefix = key.slice(0, length);
      if (this.#prefixes.has(prefix) && (!isReserved || prefix.startsWith(LEASE_PREFIX))) return prefix;
    }
    return undefined;
  }

  /** The longest text that all prefixes begin with. */
  get common(): string {
    let common: string | undefined;
    for (const prefix of this.#prefixes) {
      common ??= prefix;
      while (!prefix.startsWith(common)) common = common.slice(0, -1);
    }
    return common ?? '';
  }
}
