import { HashRingError, shown } from './errors.js';

/**
 * MD5 (RFC 1321) as four little-endian words, which is how ketama reads it: word 0 places a key, all
 * four place a node. It spreads keys; it protects nothing.
 *
 * Nothing is allocated: the digest and the block are reused by every call, so read the words before
 * you hash again.
 */
export const digest = new Uint32Array(4);

const block = new Int32Array(16);
let written = 0;
let a0 = 0;
let b0 = 0;
let c0 = 0;
let d0 = 0;

/** Hashes text as its UTF-8 bytes (a lone surrogate as U+FFFD), or bytes, into `digest`. */
export function md5(key: string | Uint8Array): void {
  a0 = 0x67452301;
  b0 = 0xefcdab89 | 0;
  c0 = 0x98badcfe | 0;
  d0 = 0x10325476;
  written = 0;
  block.fill(0);
  if (typeof key === 'string') putText(key);
  else if (isBytes(key)) for (const byte of key) put(byte);
  else throw new HashRingError('INVALID_KEY', `a key must be a string or a Uint8Array, got ${shown(key)}`);

  const length = written;
  put(0x80);
  // The length stands in the last eight bytes: in a block of its own when this one has no room left.
  if (((written - 1) & 63) >= 56) {
    mix();
    block.fill(0);
  }
  block[14] = length << 3;
  block[15] = length / 0x20000000;
  mix();
  digest[0] = a0;
  digest[1] = b0;
  digest[2] = c0;
  digest[3] = d0;
}

/** By tag and not by `instanceof`: a Buffer may come from another realm, as in a `vm` context. */
function isBytes(key: unknown): key is Uint8Array {
  return ArrayBuffer.isView(key) && Object.prototype.toString.call(key) === '[object Uint8Array]';
}

function put(byte: number): void {
  const at = written & 63;
  if (at === 0 && written > 0) {
    mix();
    block.fill(0);
  }
  block[at >> 2] = (block[at >> 2] as number) | (byte << ((at & 3) << 3));
  written++;
}

function putText(text: string): void {
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      put(code);
      continue;
    }
    if (code < 0x800) {
      put(0xc0 | (code >> 6));
    } else {
      if ((code & 0xf800) === 0xd800) {
        const next = text.charCodeAt(i + 1);
        if (code < 0xdc00 && (next & 0xfc00) === 0xdc00) {
          code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
          i++;
        } else {
          code = 0xfffd;
        }
      }
      if (code < 0x10000) {
        put(0xe0 | (code >> 12));
      } else {
        put(0xf0 | (code >> 18));
        put(0x80 | ((code >> 12) & 63));
      }
      put(0x80 | ((code >> 6) & 63));
    }
    put(0x80 | (code & 63));
  }
}

/** RFC 1321, 3.4: `floor(2^32 * abs(sin(i + 1)))`. */
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(0x100000000 * Math.abs(Math.sin(i + 1))));

/** Mixes the block into the state. Each line takes the four steps of one turn; see RFC 1321, 3.4. */
function mix(): void {
  let a = a0;
  let b = b0;
  let c = c0;
  let d = d0;
  let x = 0;
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    let f: number;
    let k: number;
    let s: number;
    if (round === 0) {
      f = d ^ (b & (c ^ d));
      k = i;
      s = 7 + 5 * (i & 3);
    } else if (round === 1) {
      f = c ^ (d & (b ^ c));
      k = (5 * i + 1) & 15;
      s = [5, 9, 14, 20][i & 3] as number;
    } else if (round === 2) {
      f = b ^ c ^ d;
      k = (3 * i + 5) & 15;
      s = [4, 11, 16, 23][i & 3] as number;
    } else {
      f = c ^ (b | ~d);
      k = (7 * i) & 15;
      s = [6, 10, 15, 21][i & 3] as number;
    }
    x = (a + f + (block[k] as number) + (SINES[i] as number)) | 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((x << s) | (x >>> (32 - s)))) | 0;
  }
  a0 = (a0 + a) | 0;
  b0 = (b0 + b) | 0;
  c0 = (c0 + c) | 0;
  d0 = (d0 + d) | 0;
}
