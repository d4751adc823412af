import { InvalidArgumentError } from '../errors/errors.js';

/** What a store holds under a key: text, or bytes. */
export type StoredValue = string | Buffer;

/**
 * Redis keeps bytes and forgets whether they were text. A string is stored as its UTF-8 bytes; a
 * Buffer is stored behind this tag, whose first byte occurs nowhere in UTF-8, so each comes back as
 * what it was.
 */
const BYTES_TAG = Buffer.from([0xff, 0x64, 0x72, 0x00]);

const REPLACEMENT_CHARACTER = '\ufffd';

/**
 * A value as it goes to Redis.
 *
 * @throws InvalidArgumentError for anything but a well-formed string or bytes. Keyv serialises before
 * it calls a store; an object arrives only when its serialiser was switched off.
 */
export function encodeValue(value: unknown): StoredValue {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return value;
    throw new InvalidArgumentError(
      'A string value must be well-formed Unicode, got one with a lone surrogate, which UTF-8 cannot carry',
    );
  }
  if (value instanceof Uint8Array) return Buffer.concat([BYTES_TAG, value]);
  throw new InvalidArgumentError(
    `A value must be a string or a Buffer, got ${value === null ? 'null' : typeof value}; ` +
      "objects need Keyv's serialiser, which is on by default",
  );
}

/** Whether text may stand for bytes that are not UTF-8: a decoder puts U+FFFD in their place. */
export function mayBeBytes(text: string): boolean {
  return text.includes(REPLACEMENT_CHARACTER);
}

/**
 * A value from its bytes in Redis. Bytes without the tag that are not UTF-8 were written by another
 * program, and come back as a Buffer.
 */
export function decodeValue(stored: Buffer): StoredValue {
  // A copy: what node-redis gives is a view of the whole chunk that the socket read.
  if (stored[0] === BYTES_TAG[0] && stored.subarray(0, BYTES_TAG.length).equals(BYTES_TAG)) {
    return Buffer.from(stored.subarray(BYTES_TAG.length));
  }
  const text = stored.toString('utf8');
  if (mayBeBytes(text) && !Buffer.from(text, 'utf8').equals(stored)) return Buffer.from(stored);
  return text;
}
