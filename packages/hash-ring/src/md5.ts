import { HashRingError, shown } from './errors.js';
import { ARENA, BLOCK, compileLanes, LANES, SINES, STATE } from './md5-lanes.js';
import type { Key } from './options.js';

/**
 * MD5 (RFC 1321) of short keys as four little-endian words, which is how ketama reads it: word 0 places
 * a key, all four place a node. It spreads keys; it protects nothing.
 *
 * Everything happens in one page of memory that every call uses again, so that hashing allocates
 * nothing: the keys' bytes in the arena, and the blocks and states of eight lanes. A single key takes
 * lane 0; many keys take all lanes at once.
 */

const PAGE_BYTES = 0x10000;
/** Whole blocks, and short of the page's end by what the last word read may reach over. */
const ARENA_BYTES = (PAGE_BYTES - ARENA - 4) & ~63;
/** The most keys that are encoded at once. */
const RUN_COUNT = 1024;

const memory = newMemory();
const page = memory?.buffer ?? new ArrayBuffer(PAGE_BYTES);
const block = new Int32Array(page, BLOCK, 16 * LANES);
const state = new Int32Array(page, STATE, 4 * LANES);
const sines = new Int32Array(page, SINES, 64);
const arena = new Uint8Array(page, ARENA, ARENA_BYTES);
const arenaWords = new DataView(page, ARENA);
/** Where each key of a run ends in the arena. */
const ends = new Uint16Array(RUN_COUNT);
const encoder = new TextEncoder();

/** The state that every lane starts from. */
const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].flatMap((word) =>
  Array<number>(LANES).fill(word),
);
for (let i = 0; i < 64; i++) sines[i] = Math.floor(0x100000000 * Math.abs(Math.sin(i + 1)));

/** To make the code for all lanes takes a few milliseconds, so it waits for work that repays them. */
const LANES_WORTH_COUNT = 10_000;
let batchedCount = 0;
let mixLanes = mixLanesInTurn;

/** Hashes text as its UTF-8 bytes (a lone surrogate as U+FFFD), or bytes; returns word 0. */
export function md5(key: Key): number {
  for (let i = 0; i < 4 * LANES; i += LANES) state[i] = START[i] as number;
  let size = encode(key, 0);
  let length = size;
  if (size < 0) {
    const bytes = typeof key === 'string' ? encoder.encode(key) : key;
    length = bytes.length;
    let at = 0;
    for (; length - at >= ARENA_BYTES; at += ARENA_BYTES) {
      arena.set(bytes.subarray(at, at + ARENA_BYTES));
      for (let from = 0; from < ARENA_BYTES; from += 64) mixBlock(from, ARENA_BYTES, 0);
    }
    size = length - at;
    arena.set(bytes.subarray(at));
  }
  for (let from = 0; from < size + 9; from += 64) mixBlock(from, size, length);
  return digestWord(0);
}

/** Word 0 to 3 of the digest that `md5` made last. */
export function digestWord(word: number): number {
  return (state[word * LANES] as number) >>> 0;
}

/** The first `words` words of each key's digest, key after key. */
export function md5Many(keys: readonly Key[], words: 1 | 4): Uint32Array {
  const digests = new Uint32Array(keys.length * words);
  if (batchedCount < LANES_WORTH_COUNT) {
    batchedCount += keys.length;
    if (memory && batchedCount >= LANES_WORTH_COUNT) mixLanes = compileLanes(memory) ?? mixLanesInTurn;
  }
  for (let first = 0; first < keys.length; ) {
    const count = encodeRun(keys, first);
    for (let i = 0; i < count; i += LANES) {
      hashLanes(i, Math.min(LANES, count - i), digests, (first + i) * words, words);
    }
    first += count;
    if (count === 0) {
      md5(keys[first] as Key);
      for (let word = 0; word < words; word++) digests[first * words + word] = digestWord(word);
      first++;
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
  const last = Math.min(keys.length, first + RUN_COUNT);
  let text = '';
  let i = first;
  for (; i < last; i++) {
    const key = keys[i] as Key;
    if (typeof key !== 'string' || text.length + key.length > ARENA_BYTES) break;
    text += key;
    ends[i - first] = text.length;
  }
  const { read, written } = encoder.encodeInto(text, arena);
  if (text !== '' && read === text.length && written === text.length) return i - first;

  let end = 0;
  for (i = first; i < last; i++) {
    const size = encode(keys[i] as Key, end);
    if (size < 0) break;
    end += size;
    ends[i - first] = end;
  }
  return i - first;
}

/** Writes a key's bytes to the arena and returns how many they are, or -1 when they have no room. */
function encode(key: Key, at: number): number {
  if (typeof key === 'string') {
    // Three bytes for each UTF-16 unit is the most that UTF-8 takes.
    if (key.length * 3 > ARENA_BYTES - at) return -1;
    return encoder.encodeInto(key, at === 0 ? arena : arena.subarray(at)).written;
  }
  // By tag and not by `instanceof`: a Buffer may come from another realm, as in a `vm` context.
  if (!ArrayBuffer.isView(key) || key[Symbol.toStringTag] !== 'Uint8Array') {
    throw new HashRingError('INVALID_KEY', `a key must be a string or a Uint8Array, got ${shown(key)}`);
  }
  if (key.length > ARENA_BYTES - at) return -1;
  arena.set(key, at);
  return key.length;
}

/** Hashes the keys `first` to `first + count` of a run, a lane each. */
function hashLanes(first: number, count: number, digests: Uint32Array, at: number, words: number): void {
  state.set(START);
  let unfinished = count;
  for (let from = 0; unfinished > 0; from += 64) {
    for (let lane = 0; lane < count; lane++) {
      const start = first + lane === 0 ? 0 : (ends[first + lane - 1] as number);
      const size = (ends[first + lane] as number) - start;
      if (from < size + 9) fillBlock(start + from, size - from, size, lane);
    }
    mixLanes(count);
    for (let lane = 0; lane < count; lane++) {
      const start = first + lane === 0 ? 0 : (ends[first + lane - 1] as number);
      const left = (ends[first + lane] as number) - start + 9 - from;
      // A lane that is done goes on mixing what it holds; its digest has been taken by then.
      if (left > 0 && left <= 64) {
        unfinished--;
        for (let word = 0; word < words; word++) {
          digests[at + lane * words + word] = state[word * LANES + lane] as number;
        }
      }
    }
  }
}

function mixBlock(from: number, size: number, length: number): void {
  fillBlock(from, size - from, length, 0);
  mix(0);
}

/**
 * Fills a lane's block with what stands at a place in the arena. `left` is what the key has left there:
 * when the block has room for more, a bit and zeros follow, and the key's length in bits at the end, in
 * a block of its own when this one is too full.
 */
function fillBlock(at: number, left: number, length: number, lane: number): void {
  const whole = left >= 64 ? 16 : left >> 2;
  let word = 0;
  for (; word < whole; word++) block[word * LANES + lane] = arenaWords.getInt32(at + 4 * word, true);
  if (word === 16) return;
  if (left >= 0) {
    const bits = (left & 3) << 3;
    const rest = arenaWords.getInt32(at + 4 * word, true) & ((1 << bits) - 1);
    block[word * LANES + lane] = rest | (0x80 << bits);
    word++;
  }
  for (; word < 16; word++) block[word * LANES + lane] = 0;
  if (left < 56) {
    block[14 * LANES + lane] = length << 3;
    block[15 * LANES + lane] = length / 0x20000000;
  }
}

/**
 * Mixes a lane's block into its state: four rounds of four turns of four steps. What needs only c and d
 * is added before b, which the step before has just made: MD5 is as fast as b is ready for the next
 * step. Words and sines are read in place, as calls would be too many to inline.
 */
function mix(lane: number): void {
  let a = state[lane] as number;
  let b = state[LANES + lane] as number;
  let c = state[2 * LANES + lane] as number;
  let d = state[3 * LANES + lane] as number;
  for (let i = 0; i < 16; i += 4) {
    a = (a + (block[(i << 3) | lane] as number) + (sines[i] as number) + (d ^ (b & (c ^ d)))) | 0;
    a = (b + ((a << 7) | (a >>> 25))) | 0;
    d = (d + (block[((i + 1) << 3) | lane] as number) + (sines[i + 1] as number) + (c ^ (a & (b ^ c)))) | 0;
    d = (a + ((d << 12) | (d >>> 20))) | 0;
    c = (c + (block[((i + 2) << 3) | lane] as number) + (sines[i + 2] as number) + (b ^ (d & (a ^ b)))) | 0;
    c = (d + ((c << 17) | (c >>> 15))) | 0;
    b = (b + (block[((i + 3) << 3) | lane] as number) + (sines[i + 3] as number) + (a ^ (c & (d ^ a)))) | 0;
    b = (c + ((b << 22) | (b >>> 10))) | 0;
  }
  for (let i = 16; i < 32; i += 4) {
    a =
      (a + (block[(((5 * i + 1) & 15) << 3) | lane] as number) + (sines[i] as number) + (c & ~d) + (b & d)) |
      0;
    a = (b + ((a << 5) | (a >>> 27))) | 0;
    d =
      (d +
        (block[(((5 * i + 6) & 15) << 3) | lane] as number) +
        (sines[i + 1] as number) +
        (b & ~c) +
        (a & c)) |
      0;
    d = (a + ((d << 9) | (d >>> 23))) | 0;
    c =
      (c +
        (block[(((5 * i + 11) & 15) << 3) | lane] as number) +
        (sines[i + 2] as number) +
        (a & ~b) +
        (d & b)) |
      0;
    c = (d + ((c << 14) | (c >>> 18))) | 0;
    b =
      (b + (block[(((5 * i) & 15) << 3) | lane] as number) + (sines[i + 3] as number) + (d & ~a) + (c & a)) |
      0;
    b = (c + ((b << 20) | (b >>> 12))) | 0;
  }
  for (let i = 32; i < 48; i += 4) {
    a = (a + (block[(((3 * i + 5) & 15) << 3) | lane] as number) + (sines[i] as number) + (b ^ (c ^ d))) | 0;
    a = (b + ((a << 4) | (a >>> 28))) | 0;
    d =
      (d + (block[(((3 * i + 8) & 15) << 3) | lane] as number) + (sines[i + 1] as number) + (a ^ (b ^ c))) |
      0;
    d = (a + ((d << 11) | (d >>> 21))) | 0;
    c =
      (c + (block[(((3 * i + 11) & 15) << 3) | lane] as number) + (sines[i + 2] as number) + (d ^ (a ^ b))) |
      0;
    c = (d + ((c << 16) | (c >>> 16))) | 0;
    b =
      (b + (block[(((3 * i + 14) & 15) << 3) | lane] as number) + (sines[i + 3] as number) + (c ^ (d ^ a))) |
      0;
    b = (c + ((b << 23) | (b >>> 9))) | 0;
  }
  for (let i = 48; i < 64; i += 4) {
    a = (a + (block[(((7 * i) & 15) << 3) | lane] as number) + (sines[i] as number) + (c ^ (b | ~d))) | 0;
    a = (b + ((a << 6) | (a >>> 26))) | 0;
    d =
      (d + (block[(((7 * i + 7) & 15) << 3) | lane] as number) + (sines[i + 1] as number) + (b ^ (a | ~c))) |
      0;
    d = (a + ((d << 10) | (d >>> 22))) | 0;
    c =
      (c + (block[(((7 * i + 14) & 15) << 3) | lane] as number) + (sines[i + 2] as number) + (a ^ (d | ~b))) |
      0;
    c = (d + ((c << 15) | (c >>> 17))) | 0;
    b =
      (b + (block[(((7 * i + 5) & 15) << 3) | lane] as number) + (sines[i + 3] as number) + (d ^ (c | ~a))) |
      0;
    b = (c + ((b << 21) | (b >>> 11))) | 0;
  }
  state[lane] = (state[lane] as number) + a;
  state[LANES + lane] = (state[LANES + lane] as number) + b;
  state[2 * LANES + lane] = (state[2 * LANES + lane] as number) + c;
  state[3 * LANES + lane] = (state[3 * LANES + lane] as number) + d;
}

function mixLanesInTurn(count: number): void {
  for (let lane = 0; lane < count; lane++) mix(lane);
}

function newMemory(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: 1 });
  } catch {
    return undefined;
  }
}
