import { check } from './errors.js';
import { md5, md5Many } from './md5/index.js';
import type { Key, ResolvedOptions } from './options.js';
import { utf8 } from './utf8.js';

/** A key's hash as an int32, computed by MD5 or by the user's function. */
export function hashKey(key: Key, { hash, hashTag }: ResolvedOptions): number {
  const hashed = hashTag ? tagOf(key, hashTag) : key;
  if (hash === 'md5') return md5(hashed);
  const value = hash(hashed);
  check(
    value >>> 0 === value || (value | 0) === value,
    'INVALID_KEY',
    'the result of hash',
    'a uint32',
    value,
  );
  return value | 0;
}

/** The hashes of many keys, as uint32s. */
export function hashKeys(keys: readonly Key[], options: ResolvedOptions): Uint32Array {
  const { hash, hashTag } = options;
  return hash === 'md5'
    ? md5Many(hashTag ? keys.map((key) => tagOf(key, hashTag)) : keys, 1)
    : Uint32Array.from(keys, (key) => hashKey(key, options));
}

/**
 * The part of a key between the first opening mark and the next closing mark. If there is no such part, or if
 * the part is empty, this is the whole key.
 */
function tagOf(key: Key, marks: string): Key {
  // Strings and typed arrays both have `indexOf` and `slice`.
  const [open, close] = typeof key === 'string' ? marks : utf8.encode(marks);
  const start = (key as string).indexOf(open as string) + 1;
  const end = (key as string).indexOf(close as string, start);
  return start > 0 && end > start ? key.slice(start, end) : key;
}
