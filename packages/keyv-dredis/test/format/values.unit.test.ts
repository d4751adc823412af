import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvalidArgumentError } from '../../src/errors/errors.js';
import { decodeValue, encodeValue, type StoredValue } from '../../src/format/values.js';

/** Returns the bytes that Redis would return for a value, as a view of a larger chunk. */
function throughRedis(encoded: StoredValue): Buffer {
  const chunk = Buffer.concat([Buffer.from('$?\r\n'), Buffer.from(encoded), Buffer.from('\r\n')]);
  return chunk.subarray(4, chunk.length - 2);
}

const roundTrip = (value: unknown) => decodeValue(throughRedis(encodeValue(value)));

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
    expect(encodeValue('ü{}')).toBe('ü{}');
  });

  test('puts ff 64 72 00 before the bytes of a Buffer', () => {
    expect(encodeValue(Buffer.from([1, 2]))).toEqual(Buffer.from([0xff, 0x64, 0x72, 0x00, 1, 2]));
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
  ['bytes after a tag', encodeValue(Buffer.alloc(8, 1))],
  ['foreign bytes', Buffer.alloc(8, 0xfe)],
])('decodeValue() copies %s, so that the copy does not keep the chunk in memory', (_name, encoded) => {
  const chunk = Buffer.alloc(1024 * 1024);
  Buffer.from(encoded).copy(chunk);
  const value = decodeValue(chunk.subarray(0, encoded.length)) as Buffer;
  expect(value.buffer).not.toBe(chunk.buffer);
  expect(value.buffer.byteLength).toBeLessThan(chunk.length);
});

describe('encodeValue() refuses', () => {
  test.each(['\ud800', '\udfff', 'a\udc00b', '\ude00\ud83d'])('the lone surrogate in %j', (value) => {
    expect(() => encodeValue(value)).toThrow(
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
    expect(() => encodeValue(value)).toThrow(
      new InvalidArgumentError(
        `A value must be a string or a Buffer, got ${got}; objects need Keyv's serializer, which is on by default`,
      ),
    );
  });
});
