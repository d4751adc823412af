/** What went wrong, for programs. The message is for people and may change in any version. */
export type HashRingErrorCode =
  /** An option, or one of a call's arguments, is not of the allowed kind. */
  | 'INVALID_OPTION'
  /** A node's name, weight or zone is not of the allowed kind. */
  | 'INVALID_NODE'
  /** Two nodes would stand on the same points of the ring. */
  | 'DUPLICATE_NODE'
  /** A key is neither a string nor bytes, or the `hash` option made no uint32 of it. */
  | 'INVALID_KEY';

/** Every error that this package throws on purpose. Branch on `code`. */
export class HashRingError extends Error {
  override readonly name = 'HashRingError';
  readonly code: HashRingErrorCode;

  constructor(code: HashRingErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Refuses a value that is not what it must be.
 * @throws HashRingError that names it, says what is allowed, and what came
 */
export function check(
  isAllowed: boolean,
  code: HashRingErrorCode,
  what: string,
  allowed: string,
  came: unknown,
): void {
  if (!isAllowed)
    throw new HashRingError(code, `${what} must be ${allowed}, got ${typeof came} ${String(came)}`);
}
