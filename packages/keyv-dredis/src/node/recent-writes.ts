import type { StoredValue } from '../format/values.js';

/** Above this number, the keys are not worth their memory. */
const MAX_KEYS = 10_000;

/** A longer value is not worth its memory. In bytes or UTF-16 code units. */
const MAX_VALUE_LENGTH = 65_536;

/** A write that the server has confirmed. */
export interface ConfirmedWrite {
  readonly key: string;
  /** Undefined if the key was removed. */
  readonly value: StoredValue | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number | undefined;
}

/** Confirmed writes that a replica of the server may not have received yet. */
export class RecentWrites {
  readonly #keys = new Set<string>();
  #last: ConfirmedWrite | undefined;
  #isOverLimit = false;

  /** The last write; undefined if there was none, or if its value was long. */
  get last(): ConfirmedWrite | undefined {
    return this.#last;
  }

  /** Whether the keys are not known, for example because there were more than 10,000. */
  get isOverLimit(): boolean {
    return this.#isOverLimit;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && !this.#isOverLimit;
  }

  get keys(): readonly string[] {
    return [...this.#keys];
  }

  add(key: string, value: StoredValue | undefined, expiresAt: number | undefined): void {
    const isLong = value !== undefined && value.length > MAX_VALUE_LENGTH;
    this.#last = isLong ? undefined : { key, value, expiresAt };
    this.#addKey(key);
  }

  /** Records that there was a write, without its key. */
  addUnknown(): void {
    this.#isOverLimit = true;
  }

  /** Adds writes that were confirmed before. */
  addEarlier(earlier: RecentWrites): void {
    this.#last ??= earlier.#last;
    for (const key of earlier.#keys) this.#addKey(key);
    if (earlier.#isOverLimit) this.#exceedLimit();
  }

  #addKey(key: string): void {
    if (this.#isOverLimit) return;
    this.#keys.add(key);
    if (this.#keys.size > MAX_KEYS) this.#exceedLimit();
  }

  #exceedLimit(): void {
    this.#isOverLimit = true;
    this.#keys.clear();
  }
}
