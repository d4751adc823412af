import type { StoredValue } from '../format/values.js';
import type { CallBatcher } from './call-batcher.js';
import { type CallOrder, READ, WRITE } from './call-order.js';
import { DeleteCall, GetCall, HasCall, SetCall, type SingleKeyCall } from './single-key-calls.js';

/** Reads and writes single keys. Calls may share commands, see {@link CallBatcher}. Rejects with DRedisError. */
export class Router {
  readonly #batcher: CallBatcher;
  readonly #order: CallOrder;

  constructor(batcher: CallBatcher, order: CallOrder) {
    this.#batcher = batcher;
    this.#order = order;
  }

  get(key: string): Promise<StoredValue | undefined> {
    return this.#begin(new GetCall(key));
  }

  has(key: string): Promise<boolean> {
    return this.#begin(new HasCall(key));
  }

  /** @param expiresAt milliseconds since the Unix epoch; undefined for never */
  set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<boolean> {
    return this.#begin(new SetCall(key, value, expiresAt));
  }

  /** @returns whether the key existed */
  delete(key: string): Promise<boolean> {
    return this.#begin(new DeleteCall(key));
  }

  #begin<Result>(call: SingleKeyCall<Result>): Promise<Result> {
    this.#order.before(call.key, call.kind.isWrite ? WRITE : READ);
    return this.#batcher.run(call);
  }
}
