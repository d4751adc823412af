import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { md5, md5Many } from '../../src/md5/index.js';
import { md5Reference } from '../../src/md5/reference.js';

/** Any code point except surrogates. Replaces fast-check's unit 'binary', which takes a second to set up. */
const codePoint = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

type Key = string | Uint8Array;

/** Returns the digest in hex, after checking that all implementations agree. */
function ours(key: Key): string {
  const words = md5Many([key], 4);
  expect(md5(key) >>> 0).toBe(words[0]);
  expect(Buffer.from(md5Reference(Buffer.from(key)).buffer).equals(Buffer.from(words.buffer))).toBe(true);
  return Buffer.from(words.buffer).toString('hex');
}

function theirs(key: Key): string {
  return createHash('md5').update(key).digest('hex');
}

test.each([
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['a', '0cc175b9c0f1b6a831c399e269772661'],
  ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    '57edf4a22be3c955ac49da2e2107b67a',
  ],
])("MD5 agrees with RFC 1321's test suite on %j", (text, expected) => {
  expect(ours(text)).toBe(expected);
});

/** Enough keys to make md5Many compile WebAssembly. */
const MANY = 12_000;

function theirWords(key: Key): number[] {
  const bytes = createHash('md5').update(key).digest();
  return [0, 4, 8, 12].map((at) => bytes.readUInt32LE(at));
}

test('md5Many agrees with node:crypto on every key, before and after WebAssembly is compiled', () => {
  const keys = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 150 }) },
      { weight: 1, arbitrary: fc.string({ unit: codePoint, maxLength: 150 }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 150 }) },
      { weight: 1, arbitrary: fc.constantFrom('\ud83d', '\ude00', 'é') },
    ),
    { maxLength: 40 },
  );
  const agree = fc.property(keys, (some) => {
    const words = some.map(theirWords);
    expect(md5Many(some, 4).join()).toBe(words.join());
    expect(md5Many(some, 1).join()).toBe(words.map(([first]) => first).join());
  });
  fc.assert(agree, { numRuns: 50 });
  const ascii = Array.from({ length: MANY }, (_, i) => `key:${i}${'.'.repeat(i % 100)}`);
  const expected = ascii.map((key) => theirWords(key)[0]).join();
  expect(md5Many(ascii, 1).join()).toBe(expected);
  expect(md5Many(ascii, 1).join()).toBe(expected);
  fc.assert(agree, { numRuns: 200 });
});

test('md5Many agrees with node:crypto on keys of every length from 0 to 300, next to keys of other lengths', () => {
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

test('MD5 hashes keys completely if they fill the arena or are larger than the arena', () => {
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
  // Each list of keys reaches the arena's end. The keys end at every possible distance from a block's end.
  for (let size = 950; size < 1020; size++) {
    const text = Array.from({ length: 80 }, (_, i) => `${'é'.repeat(i % 3)}${'x'.repeat(size)}`);
    expect(md5Many(text, 1).join()).toBe(text.map((key) => theirWords(key)[0]).join());
  }
});

test('MD5 agrees with node:crypto on ASCII, other text and bytes of every length from 0 to 300', () => {
  for (let length = 0; length <= 300; length++) {
    const ascii = Array.from({ length }, (_, i) => String.fromCharCode((i * 7 + length) & 0x7f)).join('');
    const bytes = Uint8Array.from({ length }, (_, i) => i * 31 + length);
    for (const key of [ascii, 'é'.repeat(length), `${ascii}€`, `😀${ascii}`, bytes]) {
      expect(ours(key)).toBe(theirs(key));
    }
  }
});

test('MD5 agrees with node:crypto on arbitrary text, and encodes a lone surrogate as U+FFFD', () => {
  const text = fc.oneof(
    fc.string({ unit: codePoint, maxLength: 300 }),
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
    { numRuns: 300 },
  );
});

test('MD5 agrees with node:crypto on arbitrary bytes, also in a view of a larger buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(8), (bytes, skipped) => {
      const view = bytes.subarray(skipped);
      expect(ours(view)).toBe(theirs(view));
      expect(ours(Buffer.from(view))).toBe(theirs(view));
    }),
    { numRuns: 200 },
  );
});

test('MD5 agrees with node:crypto on a key of 1 MB', () => {
  const key = 'x'.repeat(1_000_000);
  expect(ours(key)).toBe(theirs(key));
});

test('md5Many agrees with node:crypto if a lane reads past its key, up to the end of the memory', () => {
  // In both lanes, the second-to-last key ends near the arena's end. After it, one lane has a long key and
  // the other lane has a short key.
  const filler = Array.from({ length: 9 }, () => '€'.repeat(1000));
  const long = '€'.repeat(1800);
  const keys = [...filler, long, ...filler, 'short', ...filler, 'short', ...filler, long];
  for (const some of [keys.slice(0, 20), keys.slice(20)]) {
    expect(Array.from(md5Many(some, 4))).toEqual(some.flatMap(theirWords));
  }
});
