import type { Key } from '../options.js';
import { utf8 } from '../utf8.js';
import { ARENA_BYTES } from './mixer.js';

/** Maximum number of keys in a run. A run consists of the keys that are in an arena at the same time. */
export const MAX_RUN_COUNT = 512;

/**
 * Writes text keys into the arena, one after the other, from index `first` (inclusive) to `end` (exclusive).
 * Stops earlier if the arena is full or a key is not text. Joining the keys and encoding them in one call
 * takes only a fraction of the time that one call per key would take.
 *
 * Sets `starts[n + 1]` to the address at which key n of the run ends. The next key starts at the same
 * address.
 * @returns the number of keys written; `0` if the first key does not fit, or if the bytes cannot be split
 * into keys
 */
export function writeRun(
  keys: readonly Key[],
  first: number,
  end: number,
  arena: Uint8Array,
  starts: Uint32Array,
): number {
  let text = '';
  let count = 0;
  for (; first + count < end; count++) {
    const key = keys[first + count];
    // UTF-8 needs at most three bytes per UTF-16 code unit.
    if (typeof key !== 'string' || (text.length + key.length) * 3 > ARENA_BYTES) break;
    text += key;
    starts[count + 1] = arena.byteOffset + text.length;
  }
  const { written } = utf8.encodeInto(text, arena);
  const isAscii = written === text.length;
  if (isAscii) return count;

  // Find the byte at which each key's UTF-16 code units end.
  let at = 0;
  let units = 0;
  for (let i = 0; i < count; i++) {
    units += (keys[first + i] as string).length;
    for (; at < written; at++) {
      const byte = arena[at] as number;
      const continuesCharacter = (byte & 0xc0) === 0x80;
      if (continuesCharacter) continue;
      if (units <= 0) break;
      // A character with four bytes has two code units. Any other character has one.
      units -= byte < 0xf0 ? 1 : 2;
    }
    // This key ends with half of a surrogate pair, and the next key starts with the other half. So the bytes
    // cannot be split into keys.
    if (units < 0) return 0;
    starts[i + 1] = arena.byteOffset + at;
  }
  return count;
}
