import { type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import type { MultiResult } from '../errors/multi-result.js';
import type { Reporter } from '../errors/reporter.js';
import type { KeyvCompat } from './keyv-compat.js';

/** Store options that decide how failures are handled. */
export interface FailureOptions {
  readonly nodeDownPolicy?: 'error' | 'miss' | 'failover' | undefined;
  readonly throwOnErrors: boolean;
}

/**
 * Handles failures so that each one is reported exactly once: the call rejects, or the store emits an `error`
 * event, or the failure counts as a miss.
 *
 * Keyv 6 reports rejections itself. Keyv 5 swallows rejected reads, so under Keyv 5 the store reports the
 * error and returns a miss. A multi-key call returns the values from the nodes that replied, and reports one
 * error per failed node.
 *
 * With `throwOnErrors`, Keyv 5 emits the error of a failed write and throws it. The store does the same for
 * reads. It cannot always do so: without `throwOnErrors`, Keyv 5 passes rejections of `has`, `getMany` and
 * `getRaw` on to its caller, and cacheable would report an error twice. Keyv 5 does not tell the store which
 * value it has, so there is a store option.
 */
export class FailurePolicy {
  readonly #compat: KeyvCompat;
  readonly #reporter: Reporter;
  /** Whether a failure counts as a miss if the node is down. */
  readonly #downIsMiss: boolean;
  readonly #throwOnErrors: boolean;

  constructor(compat: KeyvCompat, reporter: Reporter, options: FailureOptions) {
    this.#compat = compat;
    this.#reporter = reporter;
    this.#downIsMiss = options.nodeDownPolicy === 'miss';
    this.#throwOnErrors = options.throwOnErrors;
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
      if (this.#isMiss(error)) return miss;
      if (this.#compat.convention.version === 6) throw error;
      this.#reporter.report(error as DRedisError);
      if (this.#throwOnErrors) throw error;
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

  /**
   * Runs a multi-key read. Reports its errors and returns its values. Rejects if nothing was sent, or with
   * the first error if `throwOnErrors` applies.
   */
  async manyReads<T>(read: () => Promise<MultiResult<T>>): Promise<T[]> {
    const { values, errors } = await read();
    const failures = this.#failuresIn(errors);
    for (const error of failures) this.#reporter.report(error);
    if (failures.length > 0 && this.#rejects) throw failures[0];
    return values;
  }

  /** The same for a multi-key write. If it rejects, Keyv 5 reports that error itself. */
  async manyWrites<T>(write: () => Promise<MultiResult<T>>): Promise<T[]> {
    const { values, errors } = await write();
    const failures = this.#failuresIn(errors);
    const rejection = this.#rejects ? failures.shift() : undefined;
    for (const error of failures) this.#reporter.report(error);
    if (rejection !== undefined) throw rejection;
    return values;
  }

  /** Reports that `iterator()` skips a node. @throws DRedisError if `throwOnErrors` applies */
  readonly nodeSkipped = (error: DRedisError): void => {
    if (this.#isMiss(error)) return;
    this.#reporter.report(error);
    if (this.#rejects) throw error;
  };

  /** Whether a failure that was reported also rejects. */
  get #rejects(): boolean {
    return this.#throwOnErrors && this.#compat.convention.version === 5;
  }

  #failuresIn(errors: readonly DRedisError[]): DRedisError[] {
    return errors.filter((error) => !this.#isMiss(error));
  }

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
