import type { Key } from '../options.js';
import { arena0, arena1, mixTwo, startDigest, state0, state1 } from './mixer.js';
import { digestOf } from './one-key.js';
import { MAX_RUN_COUNT, writeRun } from './write-run.js';

/**
 * One array per lane. It contains the address at which each key of the run starts, followed by the address
 * at which the last key ends.
 */
const starts0 = new Uint32Array(MAX_RUN_COUNT + 1).fill(arena0.byteOffset);
const starts1 = new Uint32Array(MAX_RUN_COUNT + 1).fill(arena1.byteOffset);

/** The first `wordCount` words of each key's MD5, in the order of the keys. */
export function md5Many(keys: readonly Key[], wordCount: number): Uint32Array {
  const digests = new Uint32Array(keys.length * wordCount);
  const keep = (i: number, digest: Uint32Array) => {
    for (let word = 0; word < wordCount; word++) digests[i * wordCount + word] = digest[word] as number;
  };
  for (let first = 0; first < keys.length; ) {
    // Lane 0 gets half of the keys and lane 1 gets the other half, as far as they fit.
    const middle = Math.min(first + MAX_RUN_COUNT, (first + keys.length + 1) >> 1);
    const count0 = writeRun(keys, first, middle, arena0, starts0);
    const second = first + count0;
    const count1 = writeRun(keys, second, Math.min(second + count0, keys.length), arena1, starts1);
    // Goes from the last key to the first, because a key's padding overwrites the bytes after the key.
    for (let i = count0 - 1; i >= 0; i--) {
      let at0 = starts0[i] as number;
      let at1 = starts1[i] as number;
      const end0 = startDigest(state0, at0, (starts0[i + 1] as number) - at0);
      const end1 = i < count1 ? startDigest(state1, at1, (starts1[i + 1] as number) - at1) : 0;
      // The lane with the shorter key continues with arbitrary bytes after the key ends. This does no harm,
      // because each digest is saved when its key ends.
      while (at0 < end0 || at1 < end1) {
        mixTwo(at0, at1);
        at0 += 64;
        at1 += 64;
        if (at0 === end0) keep(first + i, state0);
        if (at1 === end1) keep(second + i, state1);
      }
    }
    first = second + count1;
    if (count0 === 0) keep(first, digestOf(keys[first++] as Key));
  }
  return digests;
}
