import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digest, md5 } from '../src/md5.js';

function ours(key: string | Uint8Array): string {
  md5(key);
  const bytes = Buffer.alloc(16);
  for (const [i, word] of digest.entries()) bytes.writeUInt32LE(word, 4 * i);
  return bytes.toString('hex');
}

function theirs(key: string | Uint8Array): string {
  return createHash('md5')
    .update(typeof key === 'string' ? Buffer.from(key) : key)
    .digest('hex');
}

test.each([
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['a', '0cc175b9c0f1b6a831c399e269772661'],
  ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    '57edf4a22be3c955ac49da2e2107b67a',
  ],
])('agrees with the test suite of RFC 1321 on %j', (text, expected) => {
  expect(ours(text)).toBe(expected);
});

test('agrees with node:crypto on every length from 0 to 300, as ASCII, as wider text and as bytes', () => {
  for (let length = 0; length <= 300; length++) {
    const ascii = Array.from({ length }, (_, i) => String.fromCharCode((i * 7 + length) & 0x7f)).join('');
    const bytes = Uint8Array.from({ length }, (_, i) => i * 31 + length);
    for (const key of [ascii, 'é'.repeat(length), `${ascii}€`, `😀${ascii}`, bytes]) {
      expect(ours(key)).toBe(theirs(key));
    }
  }
});

test('agrees with node:crypto on arbitrary text, lone surrogates among it (they hash as U+FFFD)', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'binary-ascii', maxLength: 300 }),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
      .map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom('a', 'é', '€', '\ud83d', '\ude00', '😀'), { maxLength: 200 })
      .map((units) => units.join('')),
  );
  fc.assert(
    fc.property(text, (key) => {
      expect(ours(key)).toBe(theirs(key));
    }),
    { numRuns: 2000 },
  );
});

test('agrees with node:crypto on arbitrary bytes, also where they are a window on a larger buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(8), (bytes, skipped) => {
      const window = bytes.subarray(skipped);
      expect(ours(window)).toBe(theirs(window));
      expect(ours(Buffer.from(window))).toBe(theirs(window));
    }),
    { numRuns: 500 },
  );
});

test('a long key hashes as a whole', () => {
  const key = 'x'.repeat(1_000_000);
  expect(ours(key)).toBe(theirs(key));
});
