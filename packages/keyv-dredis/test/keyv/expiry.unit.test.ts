import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULTS } from '../../src/config/options.js';
import { InvalidArgumentError } from '../../src/errors/errors.js';
import type { CallingConvention } from '../../src/keyv/calling-convention.js';
import { KeyvCompat } from '../../src/keyv/keyv-compat.js';

const NOW = 1_700_000_000_000;

function keyv5(): CallingConvention {
  const compat = new KeyvCompat(DEFAULTS);
  compat.errorListenerAdded();
  compat.optsRead();
  return compat.convention;
}

const keyv6 = () => new KeyvCompat(DEFAULTS).convention;

const never = [undefined, null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Milliseconds until an entry expires. */
const left = (convention: CallingConvention, expiry: number) =>
  (convention.expiresAt(expiry, NOW) ?? Number.NaN) - NOW;

describe('an expiry under Keyv 5 is milliseconds from now', () => {
  test.each([
    [1, 1],
    [1000, 1000],
    [0.4, 1],
    [0.000_001, 1],
    [99.000_1, 100],
    [0, 0],
    [-0, 0],
    [-0.4, 0],
    [-1, 0],
    [-1e300, 0],
    [NOW, NOW],
    [Number.MAX_SAFE_INTEGER - NOW, Number.MAX_SAFE_INTEGER - NOW],
  ])('%p expires in %p ms', (expiry, expected) => {
    expect(left(keyv5(), expiry)).toBe(expected);
  });

  test.each([...never, 1e300, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER + 1])('%p means never', (expiry) => {
    expect(keyv5().expiresAt(expiry, NOW)).toBeUndefined();
  });
});

describe('an expiry under Keyv 6 is milliseconds since the epoch', () => {
  test.each([
    [NOW + 1, 1],
    [NOW + 1000, 1000],
    [NOW + 0.5, 1],
    [NOW + 99.25, 100],
    [NOW, 0],
    [NOW - 0.5, 0],
    [NOW - 1, 0],
    [0, 0],
    [-1, 0],
    [-1e300, 0],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - NOW],
  ])('%p expires in %p ms', (expiry, expected) => {
    expect(left(keyv6(), expiry)).toBe(expected);
  });

  test.each([1e9, 1_700_000_000])('%p is refused as a time in seconds', (expiry) => {
    expect(() => keyv6().expiresAt(expiry, NOW)).toThrow(
      `got ${expiry}, which is in 1970. For a time in seconds, pass ${expiry} * 1000`,
    );
  });

  test.each([0.5, 1, 5000, 1e12 - 1])('%p is refused as a duration', (expiry) => {
    expect(() => keyv6().expiresAt(expiry, NOW)).toThrow(
      `got ${expiry}, which is in ${new Date(expiry).getUTCFullYear()}. For an entry that expires in ` +
        `${expiry} ms, pass Date.now() + ${expiry}`,
    );
  });

  test.each([
    [1e12, 0],
    [NOW - 600_000_000_000, 0],
  ])('%p is accepted as a time in the past', (expiry, expected) => {
    expect(left(keyv6(), expiry)).toBe(expected);
  });

  test('that fake timers have moved to 1970 may be in 1970', () => {
    expect(keyv6().expiresAt(65_000, 5000)).toBe(65_000);
    expect(keyv6().expiresAt(4000, 5000)).toBe(5000);
  });

  test.each([...never, 1e300, Number.MAX_VALUE])('%p means never', (expiry) => {
    expect(keyv6().expiresAt(expiry, NOW)).toBeUndefined();
  });
});

describe.each([
  ['Keyv 5', keyv5],
  ['Keyv 6', keyv6],
])('an expiry under %s', (_name, convention) => {
  test.each([
    ['1000.5', 'string'],
    [true, 'boolean'],
    [new Date(NOW), 'object'],
    [1000n, 'bigint'],
  ])('%p is refused because it is not a number', (expiry, got) => {
    expect(() => convention().expiresAt(expiry as never, NOW)).toThrow(
      new InvalidArgumentError(`An expiry must be a number of milliseconds, got ${got}`),
    );
  });

  test('becomes a safe integer that is not in the past, or means never', () => {
    fc.assert(
      fc.property(fc.double(), (expiry) => {
        if (convention === keyv6) fc.pre(expiry <= 0 || expiry >= 1e12);
        const expiresAt = convention().expiresAt(expiry, NOW);
        if (expiresAt === undefined) return;
        expect(Number.isSafeInteger(expiresAt) && expiresAt >= NOW).toBe(true);
      }),
    );
  });
});

describe('a TTL of Keyv 5 that is text', () => {
  test.each([
    ['1000', 1000],
    ['1', 1],
  ])('%p counts as its number, as with @keyv/redis', (ttl, expected) => {
    expect(left(keyv5(), ttl as never)).toBe(expected);
  });

  test.each(['', '0', '-5', ' 1000', '1e3', '010', '0x10', 'abc', '1000 ms'])(
    '%j is refused, because Redis refuses it too',
    (ttl) => {
      expect(() => keyv5().expiresAt(ttl as never, NOW)).toThrow(InvalidArgumentError);
    },
  );
});

test('text is refused as an expiry without Keyv 5', () => {
  expect(() => keyv6().expiresAt('1000' as never, NOW)).toThrow(InvalidArgumentError);
});
