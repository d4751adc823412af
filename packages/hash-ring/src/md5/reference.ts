import { K, shiftOf, wordOf } from './constants.js';

/**
 * MD5 of bytes, as four words. This is the plain implementation. `one-key.ts` and `batch.ts` are faster, and
 * must give the same digests. If a key is too long for them, they use this function.
 */
export function md5Reference(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(bytes.length + MAX_PADDING_BYTES);
  padded.set(bytes);
  const memory = new DataView(padded.buffer);
  const state = new Uint32Array(4);
  initialize(state);
  const end = pad(memory, 0, bytes.length);
  for (let block = 0; block < end; block += 64) mixBlock(state, memory, block);
  return state;
}

const MAX_PADDING_BYTES = 72;

/**
 * Pads a message in place to whole blocks of 64 bytes (RFC 1321, 3.1 and 3.2): a single 1 bit, zeros, and the
 * number of bits as a 64-bit integer. The zeros are written four bytes at a time, so up to
 * `MAX_PADDING_BYTES` bytes after the message are overwritten.
 * @returns the end of the last block
 */
export function pad(memory: DataView, start: number, byteCount: number): number {
  const end = start + byteCount + MAX_PADDING_BYTES - ((byteCount + 8) & 63);
  for (let zeros = start + byteCount; zeros < end; zeros += 4) memory.setInt32(zeros, 0);
  memory.setUint8(start + byteCount, 0x80);
  memory.setInt32(end - 8, byteCount << 3, true);
  memory.setInt32(end - 4, byteCount / 2 ** 29, true);
  return end;
}

/** Sets a, b, c and d to their initial values (RFC 1321, 3.3). */
export function initialize(state: Uint32Array): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
}

/** Mixes one block into the state (RFC 1321, 3.4). */
export function mixBlock(state: Uint32Array, memory: DataView, block: number): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  for (let i = 0; i < 64; i++) {
    const f =
      i < 16
        ? (b & c) | (~b & d) // F
        : i < 32
          ? (b & d) | (c & ~d) // G
          : i < 48
            ? b ^ c ^ d // H
            : c ^ (b | ~d); // I
    const sum = a + f + memory.getInt32(block + 4 * wordOf(i), true) + (K[i] as number);
    const s = shiftOf(i);
    const rotated = (sum << s) | (sum >>> (32 - s));
    a = d;
    d = c;
    c = b;
    b = (b + rotated) | 0;
  }
  for (const [i, word] of [a, b, c, d].entries()) state[i] = (state[i] as number) + word;
}
