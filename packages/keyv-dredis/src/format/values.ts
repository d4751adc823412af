import { InvalidArgumentError } from '../errors/errors.js';

/** A value as the store keeps it: text, or bytes. */
export type StoredValue = string | Buffer;

/**
 * Redis stores bytes and does not record whether they were text. A string is stored as UTF-8. A Buffer is
 * stored behind this tag, whose first byte never occurs in UTF-8, so that each type comes back as it was.
 */
const BUFFER_TAG = Buffer.from([0xff, 0x64, 0x72, 0x00]);

const REPLACEMENT_CHARACTER = '\ufffd';

/**
 * A value as it is sent to Redis.
 *
 * @throws InvalidArgumentError for anything but a string of well-formed Unicode or bytes. Keyv serializes
 * values before it calls a store; an object arrives only if its serializer is switched off.
 */
export function encodeValue(value: unknown): StoredValue {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return value;
    throw new InvalidArgumentError(
      'A string value must be well-formed Unicode, got one with a lone surrogate, which UTF-8 cannot encode',
    );
  }
  if (value instanceof Uint8Array) return Buffer.concat([BUFFER_TAG, value]);
  throw new InvalidArgumentError(
    `A value must be a string or a Buffer, got ${value === null ? 'null' : typeof value}; ` +
      "objects need Keyv's serializer, which is on by default",
  );
}

/** Whether decoded text may stand for bytes that are not UTF-8: decoders replace those by U+FFFD. */
export function mayBeBytes(text: string): boolean {
  return text.includes(REPLACEMENT_CHARACTER);
}

/**
 * A value from its bytes in Redis. Bytes without the tag that are not UTF-8 were written by another
 * program, and are returned as a Buffer.
 */
export function decodeValue(stored: Buffer): StoredValue {
  // Copies: a Buffer of node-redis is a view of the whole chunk that was read from the socket.
  if (stored[0] === BUFFER_TAG[0] && stored.subarray(0, BUFFER_TAG.length).equals(BUFFER_TAG)) {
    return Buffer.from(stored.subarray(BUFFER_TAG.length));
  }
  const text = stored.toString('utf8');
  if (mayBeBytes(text) && !Buffer.from(text, 'utf8').equals(stored)) return Buffer.from(stored);
  return text;
}
