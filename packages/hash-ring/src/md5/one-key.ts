import { check } from '../errors.js';
import type { Key } from '../options.js';
import { utf8 } from '../utf8.js';
import { ARENA_BYTES, arena0, digestOfArena } from './mixer.js';
import { md5Reference } from './reference.js';

/**
 * The first word of a key's MD5. It is an int32, because some engines allocate an object for an integer above
 * 2^31. Text is hashed as UTF-8; a lone surrogate counts as U+FFFD.
 */
export function md5(key: Key): number {
  return (digestOf(key)[0] as number) | 0;
}

/** The four words of a key's MD5. The next call may overwrite them. */
export function digestOf(key: Key): Uint32Array {
  if (typeof key === 'string') {
    // UTF-8 needs at most three bytes per UTF-16 code unit.
    return key.length * 3 > ARENA_BYTES ? digestOf(utf8.encode(key)) : digestOfArena(writeText(key));
  }
  // `instanceof` would reject a Uint8Array from another realm, such as a `vm` context.
  check(key?.[Symbol.toStringTag] === 'Uint8Array', 'INVALID_KEY', 'a key', 'text or a Uint8Array', key);
  if (key.length > ARENA_BYTES) return md5Reference(key);
  arena0.set(key);
  return digestOfArena(key.length);
}

/** Up to this length, a loop over the characters is faster than TextEncoder, and allocates nothing. */
const SHORT_LENGTH = 64;

/** Writes text into the arena. Returns its length in bytes. */
function writeText(text: string): number {
  if (text.length <= SHORT_LENGTH) {
    let allUnits = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      allUnits |= unit;
      arena0[i] = unit;
    }
    const isAscii = allUnits < 0x80;
    if (isAscii) return text.length;
  }
  return utf8.encodeInto(text, arena0).written;
}
