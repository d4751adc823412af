import type { Key } from '../options.js';
import { utf8 } from '../utf8.js';
import { ARENA_BYTES } from './mixer.js';

/** The most keys in a run: the keys that lie in an arena at the same time. */
export const MAX_RUN_COUNT = 512;

/**
 * Writes text keys, one after the other, from index `first` on and before index `end`, until the arena is full
 * or a key is not text. Joining the keys and encoding them in one call takes a fraction of the time of a call
 * for each key.
 *
 * Writes the address where key n of the run ends to `starts[n + 1]`: the next key starts there.
 * @returns how many keys it has written; `0` if the first one does not fit or the text cannot be split again
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
    // UTF-8 needs at most three bytes for one UTF-16 unit.
    if (typeof key !== 'string' || (text.length + key.length) * 3 > ARENA_BYTES) break;
    text += key;
    starts[count + 1] = arena.byteOffset + text.length;
  }
  const { written } = utf8.encodeInto(text, arena);
  const isAscii = written === text.length;
  if (isAscii) return count;

  // Find the byte where the UTF-16 units of each key end.
  let at = 0;
  let units = 0;
  for (let i = 0; i < count; i++) {
    units += (keys[first + i] as string).length;
    for (; at < written; at++) {
      const byte = arena[at] as number;
      const continuesCharacter = (byte & 0xc0) === 0x80;
      if (continuesCharacter) continue;
      if (units <= 0) break;
      // A character is two units if it has four bytes, and else one.
      units -= byte < 0xf0 ? 1 : 2;
    }
    // This key ends with half of a surrogate pair and the next one starts with the other half.
    if (units < 0) return 0;
    starts[i + 1] = arena.byteOffset + at;
  }
  return count;
}
