import { CallOrder, READ, type StepwiseCall, WRITE } from './call-order.js';
import { CHUNK_SIZE, yieldToEventLoop } from './chunks.js';

const NONE: ReadonlySet<number> = new Set();

/**
 * Sends the keys of a call to their nodes. Sends everything before it returns its promise, which never rejects.
 *
 * @param start index of the first key in the call
 * @param sent indexes of keys to leave out, because they have been sent
 * @param steps the order of the call's own parts. A part that takes several steps runs in it.
 */
export type SendKeys = (
  keys: readonly string[],
  start: number,
  sent: ReadonlySet<number>,
  steps: CallOrder,
) => Promise<void>;

export interface ChunkedCallOptions<Item> {
  readonly isWrite: boolean;
  /** The call's items. There must be no changes to the array. */
  readonly items: readonly Item[];
  /** Returns the physical key of an item. Called once per item, in the order of the items. */
  readonly toKey: (item: Item) => string;
  readonly send: SendKeys;
}

/**
 * A call with more keys than {@link CHUNK_SIZE}. Converts all items, and then sends their keys, in chunks. Yields
 * to the event loop between chunks.
 */
export class ChunkedCall<Item> implements StepwiseCall {
  readonly isWrite: boolean;
  readonly #items: readonly Item[];
  readonly #toKey: (item: Item) => string;
  readonly #send: SendKeys;
  readonly #keys: string[] = [];
  /** The error for an invalid item. If there is one, nothing is sent. */
  #refusal: { readonly error: unknown } | undefined;
  /** Number of keys in the chunks that have been sent. */
  #sentCount = 0;
  /** Indexes of keys that were sent before their chunk. */
  readonly #sentEarly = new Set<number>();
  readonly #early: Promise<void>[] = [];
  /** Not the order of all calls, because calls that came after this one may be in it already. */
  readonly #steps = new CallOrder();
  /** Indexes of each key that was unsent when the map was made. Made for the first later call. */
  #unsent: Map<string, number[]> | undefined;

  constructor({ isWrite, items, toKey, send }: ChunkedCallOptions<Item>) {
    this.isWrite = isWrite;
    this.#items = items;
    this.#toKey = toKey;
    this.#send = send;
  }

  /** The physical keys of the items that have been converted. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** @throws what `toKey` throws; then nothing was sent */
  async run(order: CallOrder): Promise<void> {
    for (;;) {
      this.#convertTo(this.#keys.length + CHUNK_SIZE);
      if (this.#refusal !== undefined) throw this.#refusal.error;
      if (this.#keys.length === this.#items.length) break;
      await yieldToEventLoop();
    }
    while (this.#sentCount < this.#keys.length) {
      if (this.#sentCount > 0) await yieldToEventLoop();
      const start = this.#sentCount;
      const chunk = this.#keys.slice(start, start + CHUNK_SIZE);
      for (const key of chunk) order.before(key, this);
      this.#sentCount += chunk.length;
      await this.#send(chunk, start, this.#sentEarly, this.#steps);
    }
    await Promise.all(this.#early);
  }

  sendFor(key: string): void {
    this.#steps.before(key, this.isWrite ? WRITE : READ);
    // Nothing may be sent until all items are known to be valid.
    this.#convertTo(this.#items.length);
    if (this.#refusal !== undefined || this.#sentCount === this.#keys.length) return;
    this.#unsent ??= this.#indexUnsent();
    for (const index of this.#unsent.get(key) ?? []) {
      if (index < this.#sentCount || this.#sentEarly.has(index)) continue;
      this.#sentEarly.add(index);
      this.#early.push(this.#send([key], index, NONE, this.#steps));
    }
  }

  /** Converts items until there are `count` keys. */
  #convertTo(count: number): void {
    const end = Math.min(count, this.#items.length);
    try {
      while (this.#refusal === undefined && this.#keys.length < end) {
        this.#keys.push(this.#toKey(this.#items[this.#keys.length] as Item));
      }
    } catch (error) {
      this.#refusal = { error };
    }
  }

  #indexUnsent(): Map<string, number[]> {
    const indexes = new Map<string, number[]>();
    for (let index = this.#sentCount; index < this.#keys.length; index += 1) {
      const key = this.#keys[index] as string;
      const known = indexes.get(key);
      if (known === undefined) indexes.set(key, [index]);
      else known.push(index);
    }
    return indexes;
  }
}
