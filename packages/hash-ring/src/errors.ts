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

/** How a rejected value looks in a message: short, and never a whole object. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
