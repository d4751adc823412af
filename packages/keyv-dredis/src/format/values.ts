import { InvalidArgumentError } from '../errors/errors.js';

/** A stored value: text or bytes. */
export type StoredValue = string | Buffer;

/**
 * Redis does not record whether a value was text or bytes. So strings are stored as UTF-8, and Buffers are
 * stored with this tag in front of the bytes. The tag's first byte never occurs in UTF-8, so every value is
 * returned with its original type.
 */
const BUFFER_TAG = Buffer.from([0xff, 0x64, 0x72, 0x00]);

const REPLACEMENT_CHARACTER = '\ufffd';

/**
 * Encodes a value for Redis.
 *
 * @throws InvalidArgumentError if the value is neither a well-formed Unicode string nor bytes. Keyv
 * serializes values before it calls a store, so an object arrives here only if Keyv's serializer is switched
 * off.
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

/** Whether text may come from bytes that are not UTF-8. Decoders replace such bytes with U+FFFD. */
export function mayBeBytes(text: string): boolean {
  return text.includes(REPLACEMENT_CHARACTER);
}

/**
 * Decodes a value from Redis. If the bytes have no tag and are not UTF-8, another program wrote them. They
 * are then returned as a Buffer.
 */
export function decodeValue(stored: Buffer): StoredValue {
  // Copies the bytes, because a Buffer from node-redis is a view into the whole chunk that was read from the
  // socket.
  if (stored[0] === BUFFER_TAG[0] && stored.subarray(0, BUFFER_TAG.length).equals(BUFFER_TAG)) {
    return Buffer.from(stored.subarray(BUFFER_TAG.length));
  }
  const text = stored.toString('utf8');
  if (mayBeBytes(text) && !Buffer.from(text, 'utf8').equals(stored)) return Buffer.from(stored);
  return text;
}
