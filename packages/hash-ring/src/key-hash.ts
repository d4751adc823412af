import { check } from './errors.js';
import { md5, md5Many } from './md5/md5.js';
import type { Key, ResolvedOptions } from './options.js';

/** The place of a key on the ring, by MD5 or by a function of the user's: the int32 of its bits. */
export function hashKey(key: Key, { hash, hashTag }: ResolvedOptions): number {
  const hashed = hashTag ? tagOf(key, hashTag) : key;
  if (hash === 'md5') return md5(hashed);
  const value = hash(hashed);
  check(
    value >>> 0 === value || (value | 0) === value,
    'INVALID_KEY',
    'what hash returns',
    'a uint32',
    value,
  );
  return value | 0;
}

/** The places of many keys, as uint32s. */
export function hashKeys(keys: readonly Key[], options: ResolvedOptions): Uint32Array {
  const { hash, hashTag } = options;
  return hash === 'md5'
    ? md5Many(hashTag ? keys.map((key) => tagOf(key, hashTag)) : keys, 1)
    : Uint32Array.from(keys, (key) => hashKey(key, options));
}

/** What stands between the first opening mark and the next closing one; the whole key if that is nothing. */
function tagOf(key: Key, marks: string): Key {
  // Text and bytes look for their elements by the same methods.
  const [open, close] = typeof key === 'string' ? marks : new TextEncoder().encode(marks);
  const start = (key as string).indexOf(open as string) + 1;
  const end = (key as string).indexOf(close as string, start);
  return start > 0 && end > start ? key.slice(start, end) : key;
}
