import { mustBe } from './errors.js';
import { md5, md5Many } from './md5.js';
import type { Key, ResolvedOptions } from './options.js';

/** From keys to places on the ring, as the options have it: uint32s, and of one key the same bits as an int32. */
export interface KeyHasher {
  readonly one: (key: Key) => number;
  readonly many: (keys: readonly Key[]) => Uint32Array;
}

/** The hash of whole keys or of their tags, by MD5 or by a function of the user's. */
export function keyHasher({ hash, hashTag }: ResolvedOptions): KeyHasher {
  const hashed = hashTag ? (key: Key) => tagOf(key, hashTag) : (key: Key) => key;
  if (hash === 'md5') {
    return {
      one: hashTag ? (key) => md5(hashed(key)) : md5,
      many: (keys) => md5Many(hashTag ? keys.map(hashed) : keys, 1),
    };
  }
  const one = (key: Key) => {
    const value = hash(hashed(key));
    if (value >>> 0 !== value && (value | 0) !== value)
      throw mustBe('INVALID_KEY', 'what hash returns', 'a uint32', value);
    return value | 0;
  };
  return { one, many: (keys) => Uint32Array.from(keys, one) };
}

/** What stands between the first opening mark and the next closing one; the whole key if that is nothing. */
function tagOf(key: Key, marks: string): Key {
  // Text and bytes look for their elements by the same methods.
  const [open, close] =
    typeof key === 'string' ? marks : Uint8Array.of(marks.charCodeAt(0), marks.charCodeAt(1));
  const start = (key as string).indexOf(open as string) + 1;
  const end = (key as string).indexOf(close as string, start);
  return start > 0 && end > start ? key.slice(start, end) : key;
}
