import { check } from './errors.js';
import { compileMixers, LANES, ROTATIONS, SINES, wordAt } from './md5-mix.js';
import type { Key } from './options.js';

/**
 * MD5 (RFC 1321) of short keys as four little-endian words, which is how ketama reads it: word 0 places a
 * key, all four place a node. It spreads keys; it protects nothing.
 *
 * Everything happens in one page of memory that every call uses again: two states, and for each of two lanes
 * an arena for the bytes of its keys. A key is padded where it stands, so keys that stand one behind the
 * other are hashed from the last to the first.
 */

const PAGE_BYTES = 0x10000;
const STATES_BYTES = 16 * LANES;
/** What a lane holds, and what it keeps free behind its last key for the padding. */
const LANE_BYTES = (PAGE_BYTES - STATES_BYTES) / LANES;
const PADDING_BYTES = 80;
/** The most keys that a lane takes at once. */
const RUN_COUNT = 512;
/** Up to here text is read character by character, which allocates nothing; beyond, encoding is faster. */
const SHORT_LENGTH = 64;
/** How many blocks are worth the milliseconds that compiling takes. */
const COMPILE_COUNT = 2000;

const memory = newMemory();
const page = memory?.buffer ?? new ArrayBuffer(PAGE_BYTES);
const state = new Uint32Array(page, 0, 4 * LANES);
const pageView = new DataView(page);
const arenas = Array.from({ length: LANES }, (_, lane) => {
  return new Uint8Array(page, STATES_BYTES + lane * LANE_BYTES, LANE_BYTES - PADDING_BYTES);
});
const [arena] = arenas as [Uint8Array];
/** Where each key of a lane's run begins in the page, and the last one ends. */
const starts = arenas.map(({ byteOffset }) => new Uint16Array(RUN_COUNT + 1).fill(byteOffset));
const [starts0, starts1] = starts as [Uint16Array, Uint16Array];
const encoder = new TextEncoder();

let mixOne = (block: number) => mixSlowly(pageView, block, 0);
let mixTwo = (first: number, second: number) => {
  mixSlowly(pageView, first, 0);
  mixSlowly(pageView, second, 1);
};
let slowCount = 0;

/** Hashes text as its UTF-8 bytes (a lone surrogate as U+FFFD), or bytes; returns word 0 as an int32. */
export function md5(key: Key): number {
  const size = write(key);
  if (size < 0) md5OfLong(typeof key === 'string' ? encoder.encode(key) : key);
  else hashOne(STATES_BYTES, size);
  // Signed, as an integer beyond 2^31 would be an object of its own to some engines.
  return (state[0] as number) | 0;
}

/** Word 0 to 3 of what `md5` hashed last. */
export function digestWord(word: number): number {
  return state[word * LANES] as number;
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
    let end = starts0[count] as number;
    let end1 = starts1[pairs] as number;
    for (let i = count - 1; i >= 0; i--) {
      const at = starts0[i] as number;
      const size = end - at;
      end = at;
      if (i < pairs) {
        const at1 = starts1[i] as number;
        const size1 = end1 - at1;
        end1 = at1;
        if (paddedSize(size) === paddedSize(size1)) {
          hashTwo(at, size, at1, size1);
          keep(first + i, 0);
          keep(second + i, 1);
          continue;
        }
        hashOne(at1, size1);
        keep(second + i, 0);
      }
      hashOne(at, size);
      keep(first + i, 0);
    }
    first += count + pairs;
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
  const begins = starts[lane] as Uint16Array;
  const base = bytes.byteOffset;
  let text = '';
  let i = first;
  for (; i < end; i++) {
    const key = keys[i];
    if (typeof key !== 'string') return 0;
    if ((text.length + key.length) * 3 > bytes.length) break;
    text += key;
    begins[i - first + 1] = base + text.length;
  }
  const { written } = encoder.encodeInto(text, bytes);
  if (written === text.length) return i - first;

  // Not ASCII: bytes are more than characters, and each key ends where its characters do.
  let at = 0;
  let characters = 0;
  for (let key = first; key < i; key++) {
    characters += (keys[key] as string).length;
    for (; characters > 0 || ((bytes[at] as number) & 0xc0) === 0x80; at++) {
      const byte = bytes[at] as number;
      if ((byte & 0xc0) !== 0x80) characters -= byte < 0xf0 ? 1 : 2;
      if (at >= written) break;
    }
    // Half a surrogate pair at the end of a key, and the other half at the start of the next one.
    if (characters < 0) return 0;
    begins[key - first + 1] = base + at;
  }
  return i - first;
}

/** Writes a key's bytes to the start of lane 0 and returns how many they are, or -1 when they have no room. */
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
    // Three bytes for each UTF-16 unit is the most that UTF-8 takes.
    return key.length * 3 > arena.length ? -1 : encoder.encodeInto(key, arena).written;
  }
  // By tag and not by `instanceof`: a Buffer may come from another realm, as in a `vm` context.
  check(key?.[Symbol.toStringTag] === 'Uint8Array', 'INVALID_KEY', 'a key', 'text or a Uint8Array', key);
  if (key.length > arena.length) return -1;
  arena.set(key);
  return key.length;
}

function hashOne(at: number, size: number): void {
  start(0);
  pad(pageView, at, size);
  for (const end = at + paddedSize(size); at < end; at += 64) mixOne(at);
}

function hashTwo(at: number, size: number, at1: number, size1: number): void {
  start(0);
  start(1);
  pad(pageView, at, size);
  pad(pageView, at1, size1);
  for (let from = 0; from < paddedSize(size); from += 64) mixTwo(at + from, at1 + from);
}

function md5OfLong(bytes: Uint8Array): void {
  const size = bytes.length;
  const padded = new Uint8Array(size + PADDING_BYTES);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  start(0);
  pad(view, 0, size);
  for (let at = 0; at < paddedSize(size); at += 64) mixSlowly(view, at, 0);
}

function start(lane: number): void {
  state[lane] = 0x67452301;
  state[LANES + lane] = 0xefcdab89;
  state[2 * LANES + lane] = 0x98badcfe;
  state[3 * LANES + lane] = 0x10325476;
}

/** Whole blocks, with room for a bit and the key's length in bits. */
function paddedSize(size: number): number {
  return (size + 72) & ~63;
}

/** RFC 1321, 3.1 and 3.2. The zeros are written as words and may go three bytes beyond the last block. */
function pad(view: DataView, at: number, size: number): void {
  const end = at + paddedSize(size);
  for (let zeros = at + size; zeros < end; zeros += 4) view.setInt32(zeros, 0);
  view.setUint8(at + size, 0x80);
  view.setInt32(end - 8, size << 3, true);
  view.setInt32(end - 4, size / 0x20000000, true);
}

/** Mixes a block into a state without WebAssembly: until it is compiled, and where it cannot be. */
function mixSlowly(view: DataView, block: number, lane: number): void {
  if (memory && ++slowCount === COMPILE_COUNT) {
    try {
      ({ one: mixOne, two: mixTwo } = compileMixers(memory));
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

function newMemory(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: 1 });
  } catch {
    return undefined;
  }
}
