import { mustBe } from './errors.js';
import { ARENA, compileMixers, LANES, ROTATIONS, SINES, STATE, wordAt } from './md5-mix.js';
import type { Key } from './options.js';

/**
 * MD5 (RFC 1321) of short keys as four little-endian words, which is how ketama reads it: word 0 places a
 * key, all four place a node. It spreads keys; it protects nothing.
 *
 * Everything happens in one page of memory that every call uses again, so that hashing allocates nothing:
 * the keys' bytes in the arena, and for each lane a block and a state. A key alone takes lane 0.
 */

const PAGE_BYTES = 0x10000;
/** Short of the page's end by what the last word of a key may reach over. */
const ARENA_BYTES = PAGE_BYTES - ARENA - 4;
/** The most keys that are encoded at once. */
const RUN_COUNT = 1024;
/** How many blocks are worth the milliseconds that compiling takes. */
const COMPILE_COUNT = 2000;

const memory = newMemory();
const page = memory?.buffer ?? new ArrayBuffer(PAGE_BYTES);
const block = new Int32Array(page, 0, 16 * LANES);
const state = new Int32Array(page, STATE, 4 * LANES);
const arena = new Uint8Array(page, ARENA, ARENA_BYTES);
const arenaView = new DataView(page, ARENA);
const encoder = new TextEncoder();
/** Where each key of a run begins in the arena, and the last one ends. */
const starts = new Uint16Array(RUN_COUNT + 1);

let mixOne = () => mixSlowly(0);
let mixAll = () => {
  for (let lane = 0; lane < LANES; lane++) mixSlowly(lane);
};
let slowCount = 0;

/** Hashes text as its UTF-8 bytes (a lone surrogate as U+FFFD), or bytes; returns word 0. */
export function md5(key: Key): number {
  let view = arenaView;
  let size = encode(key, 0);
  if (size < 0) {
    const bytes = typeof key === 'string' ? encoder.encode(key) : key;
    size = bytes.length;
    const padded = new Uint8Array(size + 4);
    padded.set(bytes);
    view = new DataView(padded.buffer);
  }
  start(0);
  for (let left = size; left > -9; left -= 64) {
    fillBlock(view, size - left, left, size, 0);
    mixOne();
  }
  return digestWord(0, 0);
}

/** Word 0 to 3 of what was hashed last in a lane. */
export function digestWord(word: number, lane: number): number {
  return (state[word * LANES + lane] as number) >>> 0;
}

/** The first `words` words of each key's digest, key after key. */
export function md5Many(keys: readonly Key[], words: number): Uint32Array {
  const digests = new Uint32Array(keys.length * words);
  const keep = (i: number, lane: number) => {
    for (let word = 0; word < words; word++) digests[i * words + word] = digestWord(word, lane);
  };
  for (let first = 0; first < keys.length; ) {
    const count = encodeRun(keys, first);
    for (let i = 0; i < count; i += LANES) hashLanes(i, Math.min(LANES, count - i), first, keep);
    first += count;
    if (count === 0) {
      md5(keys[first] as Key);
      keep(first++, 0);
    }
  }
  return digests;
}

/**
 * Encodes as many of the keys as there is room for, and says how many: none when the first one alone is
 * too long. Text is joined and encoded in one call, which costs a fraction of a call for each key, and
 * holds as long as all of it is ASCII; else the keys are encoded one by one.
 */
function encodeRun(keys: readonly Key[], first: number): number {
  const limit = Math.min(RUN_COUNT, keys.length - first);
  let text = '';
  let count = 0;
  for (; count < limit; count++) {
    const key = keys[first + count] as Key;
    if (typeof key !== 'string' || text.length + key.length > ARENA_BYTES) break;
    text += key;
    starts[count + 1] = text.length;
  }
  const { read, written } = encoder.encodeInto(text, arena);
  if (read === text.length && written === read && count) return count;

  let end = 0;
  for (count = 0; count < limit; count++) {
    const size = encode(keys[first + count] as Key, end);
    if (size < 0) break;
    end += size;
    starts[count + 1] = end;
  }
  return count;
}

/** Writes a key's bytes to the arena and returns how many they are, or -1 when they have no room. */
function encode(key: Key, at: number): number {
  const room = ARENA_BYTES - at;
  if (typeof key === 'string') {
    // Three bytes for each UTF-16 unit is the most that UTF-8 takes.
    if (key.length * 3 > room) return -1;
    return encoder.encodeInto(key, at ? arena.subarray(at) : arena).written;
  }
  // By tag and not by `instanceof`: a Buffer may come from another realm, as in a `vm` context.
  if (key?.[Symbol.toStringTag] !== 'Uint8Array') {
    throw mustBe('INVALID_KEY', 'a key', 'text or a Uint8Array', key);
  }
  if (key.length > room) return -1;
  arena.set(key, at);
  return key.length;
}

/** Hashes `count` keys of a run from its key `i` on, a lane each. */
function hashLanes(i: number, count: number, first: number, keep: (i: number, lane: number) => void): void {
  for (let lane = 0; lane < count; lane++) start(lane);
  for (let from = 0, unfinished = count; unfinished > 0; from += 64) {
    for (let lane = 0; lane < count; lane++) {
      const at = (starts[i + lane] as number) + from;
      const left = (starts[i + lane + 1] as number) - at;
      if (left > -9) fillBlock(arenaView, at, left, left + from, lane);
    }
    mixAll();
    for (let lane = 0; lane < count; lane++) {
      const left = (starts[i + lane + 1] as number) - (starts[i + lane] as number) - from;
      // A lane that is done goes on mixing what it holds: its digest has been taken by then.
      if (left > -9 && left < 56) {
        keep(first + i + lane, lane);
        unfinished--;
      }
    }
  }
}

function start(lane: number): void {
  state[lane] = 0x67452301;
  state[LANES + lane] = 0xefcdab89;
  state[2 * LANES + lane] = 0x98badcfe;
  state[3 * LANES + lane] = 0x10325476;
}

/**
 * Fills a lane's block with what stands at a place in memory. `left` is what the key has left there: when
 * the block has room for more, a bit and zeros follow, and the key's length in bits at the end, in a block
 * of its own when this one is too full. Reads whole words, so up to three bytes beyond the key.
 */
function fillBlock(view: DataView, at: number, left: number, length: number, lane: number): void {
  let word = 0;
  for (; word < 16 && word < left >> 2; word++) {
    block[word * LANES + lane] = view.getInt32(at + 4 * word, true);
  }
  if (word < 16 && left >= 0) {
    const bits = (left & 3) << 3;
    const rest = view.getInt32(at + 4 * word, true) & ((1 << bits) - 1);
    block[word++ * LANES + lane] = rest | (0x80 << bits);
  }
  for (; word < 16; word++) block[word * LANES + lane] = 0;
  if (left < 56) {
    block[14 * LANES + lane] = length << 3;
    block[15 * LANES + lane] = length / 0x20000000;
  }
}

/** Mixes a lane's block into its state without WebAssembly: until it is compiled, and where it is not. */
function mixSlowly(lane: number): void {
  if (memory && ++slowCount === COMPILE_COUNT) [mixOne, mixAll] = compileMixers(memory) ?? [mixOne, mixAll];
  let a = state[lane] as number;
  let b = state[LANES + lane] as number;
  let c = state[2 * LANES + lane] as number;
  let d = state[3 * LANES + lane] as number;
  for (let i = 0; i < 64; i++) {
    const f = i < 16 ? d ^ (b & (c ^ d)) : i < 32 ? c ^ (d & (b ^ c)) : i < 48 ? b ^ c ^ d : c ^ (b | ~d);
    const sum = a + f + (block[wordAt(i) * LANES + lane] as number) + (SINES[i] as number);
    const bits = ROTATIONS[((i >> 4) << 2) | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << bits) | (sum >>> (32 - bits)))) | 0;
  }
  for (const [word, sum] of [a, b, c, d].entries()) {
    state[word * LANES + lane] = digestWord(word, lane) + sum;
  }
}

function newMemory(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: 1 });
  } catch {
    return undefined;
  }
}
