import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULTS } from '../../src/config/options.js';
import { InvalidArgumentError } from '../../src/errors/errors.js';
import { physicalKey } from '../../src/format/keyspace.js';
import { MAX_BYTES } from '../../src/format/sizes.js';
import { decodeValue, encodeValue, type StoredValue } from '../../src/format/values.js';

/** Returns the bytes that Redis would return for a value, as a view of a larger chunk. */
function throughRedis(encoded: StoredValue): Buffer {
  const chunk = Buffer.concat([Buffer.from('$?\r\n'), Buffer.from(encoded), Buffer.from('\r\n')]);
  return chunk.subarray(4, chunk.length - 2);
}

const roundTrip = (value: unknown) => decodeValue(throughRedis(encodeValue(value, DEFAULTS)));

/** Any code point except surrogates. Replaces fast-check's unit 'binary', which takes a second to set up. */
const codePoint = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

describe('decodeValue() reverses encodeValue() for', () => {
  test('any string', () => {
    fc.assert(fc.property(fc.string({ unit: codePoint }), (value) => expect(roundTrip(value)).toBe(value)));
  });

  test('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const value = Buffer.from(bytes);
        const back = roundTrip(value);
        expect(Buffer.isBuffer(back)).toBe(true);
        expect(back).toEqual(value);
      }),
    );
  });

  test.each(['', '\u0000', '\ufffd', 'a\ufffdb', '\ufeff{}', '\r\n$-1\r\n', '💩', '\u{10ffff}'])(
    'the string %j',
    (value) => {
      expect(roundTrip(value)).toBe(value);
    },
  );

  test.each([
    ['empty', Buffer.alloc(0)],
    ['that look like text', Buffer.from('{"value":1}')],
    ['that look like the tag', Buffer.from([0xff, 0x64, 0x72, 0x00])],
    ['that look like the tag twice', Buffer.from([0xff, 0x64, 0x72, 0x00, 0xff, 0x64, 0x72, 0x00])],
    ['that are not UTF-8', Buffer.from([0xc3, 0x28, 0xff])],
    ['that are a replacement character', Buffer.from('\ufffd')],
  ])('bytes %s', (_name, value) => {
    const back = roundTrip(value);
    expect(Buffer.isBuffer(back)).toBe(true);
    expect(back).toEqual(value);
  });

  test('a Uint8Array that is a view of a larger buffer', () => {
    const whole = Uint8Array.from([1, 2, 3, 4]);
    expect(roundTrip(whole.subarray(1, 3))).toEqual(Buffer.from([2, 3]));
  });
});

describe('encodeValue()', () => {
  test('leaves a string unchanged, so that other programs can read it', () => {
    expect(encodeValue('ü{}', DEFAULTS)).toBe('ü{}');
  });

  test('puts ff 64 72 00 before the bytes of a Buffer', () => {
    expect(encodeValue(Buffer.from([1, 2]), DEFAULTS)).toEqual(Buffer.from([0xff, 0x64, 0x72, 0x00, 1, 2]));
  });
});

describe('decodeValue() with a value from another program:', () => {
  test.each([
    ['UTF-8', Buffer.from('hällo'), 'hällo'],
    ['an empty value', Buffer.alloc(0), ''],
    ['a replacement character in UTF-8', Buffer.from('a\ufffd'), 'a\ufffd'],
  ])('%s becomes a string', (_name, stored, value) => {
    expect(decodeValue(stored)).toBe(value);
  });

  test.each([
    ['gzip', [0x1f, 0x8b, 0x08, 0x00]],
    ['Latin-1', [0x68, 0xe4, 0x6c, 0x6c, 0x6f]],
    ['half of a tag', [0xff, 0x64]],
    ['another tag', [0xff, 0x64, 0x72, 0x01, 0x41]],
    ['a replacement character beside a broken byte', [0xef, 0xbf, 0xbd, 0xff]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
  ])('%s becomes a Buffer', (_name, bytes) => {
    expect(decodeValue(Buffer.from(bytes))).toEqual(Buffer.from(bytes));
  });

  test('any bytes are kept unchanged', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const stored = Buffer.from(bytes);
        fc.pre(stored[0] !== 0xff);
        expect(Buffer.from(decodeValue(stored) as StoredValue)).toEqual(stored);
      }),
    );
  });
});

test.each([
  ['bytes after a tag', encodeValue(Buffer.alloc(8, 1), DEFAULTS)],
  ['foreign bytes', Buffer.alloc(8, 0xfe)],
])('decodeValue() copies %s, so that the copy does not keep the chunk in memory', (_name, encoded) => {
  const chunk = Buffer.alloc(1024 * 1024);
  Buffer.from(encoded).copy(chunk);
  const value = decodeValue(chunk.subarray(0, encoded.length)) as Buffer;
  expect(value.buffer).not.toBe(chunk.buffer);
  expect(value.buffer.byteLength).toBeLessThan(chunk.length);
});

describe("with keyFormat 'keyv-redis', encodeValue() stores", () => {
  const options = { keyFormat: 'keyv-redis' } as const;

  test.each([
    ['a string', 'ü{}', 'ü{}'],
    ['bytes without the tag', Buffer.from([1, 2]), Buffer.from([1, 2])],
    ['no bytes', Buffer.alloc(0), Buffer.alloc(0)],
    [
      'bytes that begin with the tag, with the tag',
      Buffer.from([0xff, 0x64, 0x72, 0x00, 1]),
      Buffer.from([0xff, 0x64, 0x72, 0x00, 0xff, 0x64, 0x72, 0x00, 1]),
    ],
  ])('%s', (_title, value, stored) => {
    expect(encodeValue(value, options)).toEqual(stored);
  });

  test('bytes that are not UTF-8 so that decodeValue() returns them', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const value = Buffer.from([0xff, ...bytes]);
        expect(decodeValue(throughRedis(encodeValue(value, options)))).toEqual(value);
      }),
    );
  });
});

describe('encodeValue() refuses', () => {
  test.each(['\ud800', '\udfff', 'a\udc00b', '\ude00\ud83d'])('the lone surrogate in %j', (value) => {
    expect(() => encodeValue(value, DEFAULTS)).toThrow(
      new InvalidArgumentError(
        'A string value must be well-formed Unicode, got one with a lone surrogate, which UTF-8 cannot encode',
      ),
    );
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [1, 'number'],
    [1n, 'bigint'],
    [true, 'boolean'],
    [{}, 'object'],
    [[], 'object'],
    [new ArrayBuffer(1), 'object'],
    [new Float64Array(1), 'object'],
    [() => 1, 'function'],
    [Symbol('s'), 'symbol'],
  ])('%p', (value, got) => {
    expect(() => encodeValue(value, DEFAULTS)).toThrow(
      new InvalidArgumentError(
        `A value must be a string or a Buffer, got ${got}; objects need Keyv's serializer, which is on by default`,
      ),
    );
  });
});

// Redis closes the connection for a longer value, and a string that is a little shorter makes node-redis throw.
describe('a value or key that is too long for Redis or V8 is refused:', () => {
  const message = (what: string, bytes: number) =>
    `A ${what} must have at most ${MAX_BYTES} bytes in Redis, got ${bytes}`;

  test('the limit is 512 MiB, or the longest string of V8', () => {
    expect(MAX_BYTES).toBeLessThanOrEqual(2 ** 29);
    expect(MAX_BYTES).toBeGreaterThan(2 ** 29 - 100);
  });

  test('bytes', () => {
    expect(() => encodeValue(Buffer.alloc(MAX_BYTES - 3), DEFAULTS)).toThrow(
      new InvalidArgumentError(message('value', MAX_BYTES + 1)),
    );
  });

  test('text whose UTF-8 is longer than its characters', () => {
    expect(() => encodeValue('\u20ac'.repeat(MAX_BYTES / 3 + 1), DEFAULTS)).toThrow(
      /^A value must have at most/,
    );
  });

  test('a key with its prefix', () => {
    const key = 'k'.repeat(MAX_BYTES - 4);
    expect(() => physicalKey('keyv:', key)).toThrow(new InvalidArgumentError(message('key', MAX_BYTES + 1)));
  });

  test('but not the longest text', () => {
    const longest = 'x'.repeat(MAX_BYTES);
    expect(encodeValue(longest, DEFAULTS) === longest).toBe(true);
  });
});
