import { InvalidArgumentError } from '../errors/errors.js';
import type { KeyFormat } from './keyspace.js';
import { assertSize } from './sizes.js';

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
 * `@keyv/redis` stores the bytes of a Buffer without a tag. If it shares the keys, its values must be readable
 * by both, so bytes are tagged only if they begin with the tag themselves.
 *
 * @throws InvalidArgumentError if the value is neither a well-formed Unicode string nor bytes, or if it has more than 512 MiB. Keyv
 * serializes values before it calls a store, so an object arrives here only if Keyv's serializer is switched
 * off.
 */
export function encodeValue(value: unknown, { keyFormat }: { readonly keyFormat: KeyFormat }): StoredValue {
  if (typeof value === 'string') {
    assertSize('value', value, 0);
    if (value.isWellFormed()) return value;
    throw new InvalidArgumentError(
      'A string value must be well-formed Unicode, got one with a lone surrogate, which UTF-8 cannot encode',
    );
  }
  if (value instanceof Uint8Array) {
    const isTagged = keyFormat !== 'keyv-redis' || hasTag(value);
    assertSize('value', value, isTagged ? BUFFER_TAG.length : 0);
    return isTagged ? Buffer.concat([BUFFER_TAG, value]) : Buffer.from(value);
  }
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
  if (hasTag(stored)) return Buffer.from(stored.subarray(BUFFER_TAG.length));
  const text = stored.toString('utf8');
  if (mayBeBytes(text) && !Buffer.from(text, 'utf8').equals(stored)) return Buffer.from(stored);
  return text;
}

function hasTag(bytes: Uint8Array): boolean {
  return bytes[0] === BUFFER_TAG[0] && BUFFER_TAG.equals(bytes.subarray(0, BUFFER_TAG.length));
}
