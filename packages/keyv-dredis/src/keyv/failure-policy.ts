import { type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import type { MultiResult } from '../errors/multi-result.js';
import type { Reporter } from '../errors/reporter.js';
import type { KeyvCompat } from './keyv-compat.js';

/**
 * Handles failures so that each one is reported exactly once: the call rejects, or the store emits an `error`
 * event, or the failure counts as a miss.
 *
 * Keyv 6 reports rejections itself. Keyv 5 swallows rejected reads, so under Keyv 5 the store reports the
 * error and returns a miss. A multi-key call returns the values from the nodes that replied, and reports one
 * error per failed node.
 */
export class FailurePolicy {
  readonly #compat: KeyvCompat;
  readonly #reporter: Reporter;
  /** Whether a failure counts as a miss if the node is down. */
  readonly #downIsMiss: boolean;

  constructor(compat: KeyvCompat, reporter: Reporter, downIsMiss: boolean) {
    this.#compat = compat;
    this.#reporter = reporter;
    this.#downIsMiss = downIsMiss;
  }

  /**
   * Runs a single-key read. Takes a function and its argument, so that a `get` does not have to allocate
   * a closure.
   *
   * @param miss the result if a failure counts as a miss
   */
  read<T>(read: (key: string) => Promise<T>, key: string, miss: T): Promise<T> {
    const value = attempt(read, key);
    if (this.#compat.convention.version === 6 && !this.#downIsMiss) return value;
    return value.catch((error) => {
      if (this.#compat.convention.version === 6 && !this.#isMiss(error)) throw error;
      this.report(error as DRedisError);
      return miss;
    });
  }

  /** Runs a single-key write. Resolves with false if a failure counts as a miss. */
  write(write: () => Promise<boolean>): Promise<boolean> {
    const done = attempt(write, undefined);
    if (!this.#downIsMiss) return done;
    return done.catch((error) => {
      if (this.#isMiss(error)) return false;
      throw error;
    });
  }

  /** Runs a multi-key call. Reports its errors and returns its values. Rejects if nothing was sent. */
  async many<T>(call: () => Promise<MultiResult<T>>): Promise<T[]> {
    const { values, errors } = await call();
    for (const error of errors) this.report(error);
    return values;
  }

  /** Emits an `error` event, unless the failure counts as a miss. */
  readonly report = (error: DRedisError): void => {
    if (!this.#isMiss(error)) this.#reporter.report(error);
  };

  #isMiss(error: unknown): boolean {
    return this.#downIsMiss && error instanceof NodeUnavailableError;
  }
}

/** Runs a call. If it throws, returns a rejected promise instead. */
function attempt<Argument, T>(call: (argument: Argument) => Promise<T>, argument: Argument): Promise<T> {
  try {
    return call(argument);
  } catch (error) {
    return Promise.reject(error);
  }
}
