import { check } from '../errors.js';
import type { Key } from '../options.js';
import { compileMixer, LANES, type Mixers, ROTATIONS, SINES, wordAt } from './md5-mix.js';

/**
 * MD5 (RFC 1321) of short keys as four little-endian words, which is how ketama reads it: word 0 places a
 * key, all four place a node. It spreads keys; it protects nothing.
 *
 * Everything happens in one memory that every call uses again: two states, and for each of two lanes an arena
 * for the bytes of its keys. A key is padded where it stands, so keys that stand one behind the other are
 * hashed from the last to the first.
 */

/** What an arena holds, in whole blocks. Behind it there is room for the padding. */
const ARENA_BYTES = 2 ** 15 - 128;
/** The most keys that an arena takes at once. */
const RUN_COUNT = 512;
/** Up to here text is read character by character, which allocates nothing; beyond, encoding is faster. */
const SHORT_LENGTH = 64;
/** How many blocks are worth the milliseconds that compiling takes. */
const COMPILE_COUNT = 2000;

const memory = globalThis.WebAssembly
  ? new WebAssembly.Memory({ initial: 2 })
  : { buffer: new ArrayBuffer(2 ** 17) };
const state = new Uint32Array(memory.buffer, 0, 4 * LANES);
const view = new DataView(memory.buffer);
const arenas = [2 ** 15, 2 ** 16].map((at) => new Uint8Array(memory.buffer, at, ARENA_BYTES));
const [arena] = arenas as [Uint8Array];
/** Where each key of an arena's run begins, and the last one ends. */
const starts = arenas.map(({ byteOffset }) => new Uint32Array(RUN_COUNT + 1).fill(byteOffset));
const [starts0, starts1] = starts as [Uint32Array, Uint32Array];
const encoder = new TextEncoder();

let mixers: Mixers = {
  one: (block) => mixSlowly(block, 0),
  two: (first, second) => {
    mixSlowly(first, 0);
    mixSlowly(second, 1);
  },
};
let slowCount = 0;

/** Hashes text as its UTF-8 bytes (a lone surrogate as U+FFFD), or bytes; returns word 0 as an int32. */
export function md5(key: Key): number {
  start(0);
  const size = write(key);
  let block = arena.byteOffset;
  for (const end = pad(block, size % ARENA_BYTES, size); block < end; block += 64) mixers.one(block);
  // Signed, as an integer beyond 2^31 would be an object of its own to some engines.
  return (state[0] as number) | 0;
}

/** The first `words` words of each key's digest, key after key. */
export function md5Many(keys: readonly Key[], words: number): Uint32Array {
  const digests = new Uint32Array(keys.length * words);
  const keep = (i: number, lane: number) => {
    for (let word = 0; word < words; word++) digests[i * words + word] = state[word * LANES + lane] as number;
  };
  for (let first = 0; first < keys.length; ) {
    // Some keys for lane 0, and from there on as many for lane 1: key i of both is a pair.
    const count = writeRun(keys, first, Math.min(first + RUN_COUNT, (first + keys.length + 1) >> 1), 0);
    const second = first + count;
    const pairs = writeRun(keys, second, Math.min(second + count, keys.length), 1);
    for (let i = count - 1; i >= 0; i--) {
      let at0 = starts0[i] as number;
      let at1 = starts1[i] as number;
      const end0 = pad(at0, (starts0[i + 1] as number) - at0);
      const end1 = i < pairs ? pad(at1, (starts1[i + 1] as number) - at1) : 0;
      start(0);
      start(1);
      // When the shorter one of a pair has its digest, what its lane goes on with counts for nothing.
      while (at0 < end0 || at1 < end1) {
        mixers.two(at0, at1);
        at0 += 64;
        at1 += 64;
        if (at0 === end0) keep(first + i, 0);
        if (at1 === end1) keep(second + i, 1);
      }
    }
    first = second + pairs;
    if (count === 0) {
      md5(keys[first] as Key);
      keep(first++, 0);
    }
  }
  return digests;
}

/**
 * Writes the keys from `first` to before `end` one behind the other into a lane's arena, as many as it takes,
 * and returns how many it took: none when there is other than text among them. They are joined and encoded
 * in one call, which costs a fraction of a call for each key.
 */
function writeRun(keys: readonly Key[], first: number, end: number, lane: number): number {
  const bytes = arenas[lane] as Uint8Array;
  const begins = starts[lane] as Uint32Array;
  let text = '';
  let i = first;
  for (; i < end; i++) {
    const key = keys[i];
    if (typeof key !== 'string') return 0;
    // Three bytes for each UTF-16 unit is the most that UTF-8 takes.
    if ((text.length + key.length) * 3 > ARENA_BYTES) break;
    text += key;
    begins[i - first + 1] = bytes.byteOffset + text.length;
  }
  const { written } = encoder.encodeInto(text, bytes);
  if (written === text.length) return i - first;

  // Not ASCII: a key ends where its units do. A character is one unit, or two if its bytes are four.
  let at = 0;
  let units = 0;
  for (let key = first; key < i; key++) {
    units += (keys[key] as string).length;
    for (; at < written; at++) {
      const byte = bytes[at] as number;
      if ((byte & 0xc0) === 0x80) continue;
      if (units <= 0) break;
      units -= byte < 0xf0 ? 1 : 2;
    }
    // Half a surrogate pair at the end of a key, and the other half at the start of the next one.
    if (units < 0) return 0;
    begins[key - first + 1] = bytes.byteOffset + at;
  }
  return i - first;
}

/** Writes a key to lane 0 and returns how many bytes it has. What has no room is mixed before the rest. */
function write(key: Key): number {
  if (typeof key === 'string') {
    if (key.length <= SHORT_LENGTH) {
      let all = 0;
      for (let i = 0; i < key.length; i++) {
        const unit = key.charCodeAt(i);
        all |= unit;
        arena[i] = unit;
      }
      if (all < 0x80) return key.length;
    }
    if (key.length * 3 < ARENA_BYTES) return encoder.encodeInto(key, arena).written;
    key = encoder.encode(key);
  }
  // By tag and not by `instanceof`: a Buffer may come from another realm, as in a `vm` context.
  check(key?.[Symbol.toStringTag] === 'Uint8Array', 'INVALID_KEY', 'a key', 'text or a Uint8Array', key);
  let rest = key;
  for (; rest.length >= ARENA_BYTES; rest = rest.subarray(ARENA_BYTES)) {
    arena.set(rest.subarray(0, ARENA_BYTES));
    for (let block = 0; block < ARENA_BYTES; block += 64) mixSlowly(arena.byteOffset + block, 0);
  }
  arena.set(rest);
  return key.length;
}

function start(lane: number): void {
  state[lane] = 0x67452301;
  state[LANES + lane] = 0xefcdab89;
  state[2 * LANES + lane] = 0x98badcfe;
  state[3 * LANES + lane] = 0x10325476;
}

/**
 * Pads the last bytes of a key of `size`, so many of which stand at `at`, and returns where they end then.
 * RFC 1321, 3.1 and 3.2. The zeros are written as words and may go three bytes beyond the last block.
 */
function pad(at: number, length: number, size = length): number {
  const end = at + ((length + 72) & ~63);
  for (let zeros = at + length; zeros < end; zeros += 4) view.setInt32(zeros, 0);
  view.setUint8(at + length, 0x80);
  view.setInt32(end - 8, size << 3, true);
  view.setInt32(end - 4, size / 0x20000000, true);
  return end;
}

/** Mixes a block into a state without WebAssembly: until it is compiled, and where it cannot be. */
function mixSlowly(block: number, lane: number): void {
  if (++slowCount === COMPILE_COUNT) {
    try {
      const one = compileMixer(1, memory as WebAssembly.Memory);
      mixers = { one, two: compileMixer(LANES, memory as WebAssembly.Memory) };
    } catch {}
  }
  let a = state[lane] as number;
  let b = state[LANES + lane] as number;
  let c = state[2 * LANES + lane] as number;
  let d = state[3 * LANES + lane] as number;
  for (let i = 0; i < 64; i++) {
    const f = i < 16 ? d ^ (b & (c ^ d)) : i < 32 ? c ^ (d & (b ^ c)) : i < 48 ? b ^ c ^ d : c ^ (b | ~d);
    const sum = a + f + view.getInt32(block + 4 * wordAt(i), true) + (SINES[i] as number);
    const bits = ROTATIONS[((i >> 4) << 2) | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << bits) | (sum >>> (32 - bits)))) | 0;
  }
  for (const [word, sum] of [a, b, c, d].entries()) {
    state[word * LANES + lane] = (state[word * LANES + lane] as number) + sum;
  }
}
