import { HashRingError, shown } from './errors.js';
import { md5, md5Many } from './md5.js';
import type { Key, ResolvedOptions } from './options.js';

/** From keys to places on the ring, as the options have it. */
export interface KeyHasher {
  readonly one: (key: Key) => number;
  readonly many: (keys: readonly Key[]) => Uint32Array;
}

/** The hash of whole keys or of their tags, by MD5 or by a function of the user's. */
export function keyHasher({ hash, hashTag }: ResolvedOptions): KeyHasher {
  if (hash === 'md5') {
    if (hashTag === '') return { one: md5, many: (keys) => md5Many(keys, 1) };
    return {
      one: (key) => md5(tagOf(key, hashTag)),
      many: (keys) =>
        md5Many(
          keys.map((key) => tagOf(key, hashTag)),
          1,
        ),
    };
  }
  const one = (key: Key): number => {
    const value = hash(hashTag === '' ? key : tagOf(key, hashTag));
    const point = value >>> 0;
    if (point !== value && (value | 0) !== value) {
      throw new HashRingError('INVALID_KEY', `hash must return a uint32, got ${shown(value)}`);
    }
    return point;
  };
  return { one, many: (keys) => Uint32Array.from(keys, one) };
}

/** What stands between the first opening mark and the next closing one; the whole key if that is nothing. */
function tagOf(key: Key, marks: string): Key {
  if (typeof key === 'string') {
    const start = key.indexOf(marks.charAt(0)) + 1;
    const end = start > 0 ? key.indexOf(marks.charAt(1), start) : -1;
    return end > start ? key.slice(start, end) : key;
  }
  // What is not bytes either is for the hash to refuse.
  if (!ArrayBuffer.isView(key)) return key;
  const start = key.indexOf(marks.charCodeAt(0)) + 1;
  const end = start > 0 ? key.indexOf(marks.charCodeAt(1), start) : -1;
  return end > start ? key.subarray(start, end) : key;
}
