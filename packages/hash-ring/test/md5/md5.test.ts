import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { md5, md5Many } from '../../src/md5/md5.js';

function ours(key: string | Uint8Array): string {
  const words = md5Many([key], 4);
  expect(md5(key) >>> 0).toBe(words[0]);
  return Buffer.from(words.buffer).toString('hex');
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

/** Long enough for the eight lanes to be worth making: the first of these calls mix one key at a time. */
const MANY = 12_000;

function theirWords(key: string | Uint8Array): number[] {
  const bytes = Buffer.from(theirs(key), 'hex');
  return [0, 4, 8, 12].map((at) => bytes.readUInt32LE(at));
}

test('many keys at once are hashed as each alone, before and after the lanes are made', () => {
  const keys = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 300 }) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
      { weight: 1, arbitrary: fc.constantFrom('\ud83d', '\ude00', 'é') },
    ),
    { maxLength: 40 },
  );
  const agree = fc.property(keys, (some) => {
    expect(Array.from(md5Many(some, 4))).toEqual(some.flatMap(theirWords));
    expect(Array.from(md5Many(some, 1))).toEqual(some.map((key) => theirWords(key)[0]));
  });
  fc.assert(agree, { numRuns: 200 });
  const ascii = Array.from({ length: MANY }, (_, i) => `key:${i}${'.'.repeat(i % 100)}`);
  const expected = ascii.map((key) => theirWords(key)[0]);
  expect(Array.from(md5Many(ascii, 1))).toEqual(expected);
  expect(Array.from(md5Many(ascii, 1))).toEqual(expected);
  fc.assert(agree, { numRuns: 500 });
});

test('every length from 0 to 300 is hashed the same in a lane beside keys of other lengths', () => {
  const keys = Array.from({ length: 301 }, (_, length) => 'x'.repeat(length));
  for (const some of [
    keys,
    keys.toReversed(),
    keys.map((key) => Buffer.from(key)),
    keys.map((key) => `é${key}`),
  ]) {
    expect(Array.from(md5Many(some, 4))).toEqual(some.flatMap(theirWords));
  }
});

test('keys that fill the room to encode in, or are too long for it, are hashed whole', () => {
  for (const length of [10_890, 10_891, 32_671, 32_672, 32_673, 32_752, 65_535, 70_000]) {
    for (const key of [
      'x'.repeat(length),
      '€'.repeat(length),
      `é${'x'.repeat(length - 1)}`,
      Buffer.alloc(length, 7),
    ]) {
      expect(ours(key)).toBe(theirs(key));
      expect(Array.from(md5Many(['a', key, 'b', key], 4))).toEqual(['a', key, 'b', key].flatMap(theirWords));
    }
  }
  // Runs that end where the room does, at every offset from a block's end.
  for (let size = 950; size < 1020; size++) {
    const text = Array.from({ length: 80 }, (_, i) => `${'é'.repeat(i % 3)}${'x'.repeat(size)}`);
    expect(Array.from(md5Many(text, 1))).toEqual(text.map((key) => theirWords(key)[0]));
  }
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
