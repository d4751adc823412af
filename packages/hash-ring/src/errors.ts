/** The kind of error. Codes are stable, but messages may change in any version. */
export type HashRingErrorCode =
  /** An option or an argument of a method is not allowed. */
  | 'INVALID_OPTION'
  /** A node's name, weight or zone is not allowed. */
  | 'INVALID_NODE'
  /** Two nodes have the same name, or the same points on the ring. */
  | 'DUPLICATE_NODE'
  /** A key is neither a string nor a Uint8Array, or the `hash` function did not return a uint32 for it. */
  | 'INVALID_KEY';

/** The class of all errors that the ring throws. Branch on `code`. */
export class HashRingError extends Error {
  /** The name of the class. */
  override readonly name = 'HashRingError';
  /** The kind of error. */
  readonly code: HashRingErrorCode;

  constructor(code: HashRingErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Validates a value. The error message contains the value's name, the allowed values, and the given value.
 * @throws HashRingError if `isAllowed` is false
 */
export function check(
  isAllowed: boolean,
  code: HashRingErrorCode,
  what: string,
  allowed: string,
  given: unknown,
): void {
  if (!isAllowed)
    throw new HashRingError(code, `${what} must be ${allowed}, got ${typeof given} ${String(given)}`);
}
