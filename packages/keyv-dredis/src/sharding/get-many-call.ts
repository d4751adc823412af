import type { DRedisError } from '../errors/errors.js';
import type { MultiResult } from '../errors/multi-result.js';
import type { StoredValue } from '../format/values.js';
import { type CallListener, GetCall } from './single-key-calls.js';

type Value = StoredValue | undefined;

/** A call that reads several keys, each of them as a part of a batch. */
export class GetManyCall {
  /** One call per key. */
  readonly parts: readonly Part[];
  readonly #values: Value[];
  /** One error per node, under its name. */
  readonly #errors = new Map<string | undefined, DRedisError>();
  #pendingCount: number;
  #end: (result: MultiResult<Value>) => void = () => {};

  /** @param keys physical keys, one or more */
  constructor(keys: readonly string[]) {
    this.parts = keys.map((key, index) => new Part(key, index, this));
    this.#values = new Array<Value>(keys.length).fill(undefined);
    this.#pendingCount = keys.length;
  }

  /**
   * Begins the call.
   *
   * @returns the values in the order of the keys, undefined if a value is missing or could not be read, and one error per
   * node
   */
  begin(listener: CallListener): Promise<MultiResult<Value>> {
    for (const part of this.parts) part.listenTo(listener);
    return new Promise((resolve) => {
      this.#end = (result) => {
        listener.ended();
        resolve(result);
      };
    });
  }

  found(index: number, value: Value): void {
    this.#values[index] = value;
    this.#settled();
  }

  failed(error: DRedisError): void {
    if (!this.#errors.has(error.node)) this.#errors.set(error.node, error);
    this.#settled();
  }

  #settled(): void {
    this.#pendingCount -= 1;
    if (this.#pendingCount === 0) this.#end({ values: this.#values, errors: [...this.#errors.values()] });
  }
}

class Part extends GetCall {
  readonly #index: number;
  readonly #whole: GetManyCall;

  constructor(key: string, index: number, whole: GetManyCall) {
    super(key);
    this.#index = index;
    this.#whole = whole;
  }

  listenTo(listener: CallListener): void {
    this.listener = listener;
  }

  override get whole(): object {
    return this.#whole;
  }

  protected override found(value: Value): void {
    this.#whole.found(this.#index, value);
  }

  protected override failed(error: unknown): void {
    this.#whole.failed(error as DRedisError);
  }
}
