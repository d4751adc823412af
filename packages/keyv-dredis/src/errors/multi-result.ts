import type { DRedisError } from './errors.js';

/** Result of a multi-key call. */
export interface MultiResult<T> {
  /** One value per key, in the order of the call. */
  readonly values: T[];
  /** One error per node that failed, completely or in part. */
  readonly errors: readonly DRedisError[];
}
