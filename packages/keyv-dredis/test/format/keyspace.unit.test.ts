import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULTS } from '../../src/config/options.js';
import { InvalidArgumentError } from '../../src/errors/errors.js';
import {
  assertNamespace,
  brokenRule,
  escapeNamespace,
  keyPrefix,
  physicalKey,
  scanPattern,
} from '../../src/format/keyspace.js';

/** Any code point except surrogates. Replaces fast-check's unit 'binary', which takes a second to set up. */
const codePoint = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));
const text = fc.string({ unit: codePoint });
/** Text made of a few special characters, so that similar texts are common. */
const trickyText = fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A', '2', '5', '*') });

describe('the key format:', () => {
  test.each([
    ['users', 'users'],
    ['a:b', 'a%3Ab'],
    ['a%3Ab', 'a%253Ab'],
    ['100%', '100%25'],
    ['::', '%3A%3A'],
    ['%:', '%25%3A'],
    ['a b/c?d*e[f]\\g', 'a b/c?d*e[f]\\g'],
    ['ü\u0000\n', 'ü\u0000\n'],
  ])('namespace %j is escaped as %j', (namespace, escaped) => {
    expect(escapeNamespace(namespace)).toBe(escaped);
  });

  test.each([
    [undefined, 'default', 'keyv:'],
    ['', 'default', 'keyv:'],
    [undefined, 'raw', ''],
    ['', 'raw', ''],
    ['users', 'default', 'users:'],
    ['users', 'raw', 'users:'],
    ['a:b', 'default', 'a%3Ab:'],
    [undefined, 'keyv-redis', ''],
    ['', 'keyv-redis', ''],
    ['users', 'keyv-redis', 'users::'],
    ['a:b', 'keyv-redis', 'a:b::'],
    ['100%', 'keyv-redis', '100%::'],
  ] as const)('namespace %j with keyFormat %j gives the prefix %j', (namespace, keyFormat, prefix) => {
    expect(keyPrefix(namespace, { ...DEFAULTS, keyFormat })).toBe(prefix);
  });

  test.each([
    ['users', '1', 'users:1'],
    ['a:b', 'c', 'a%3Ab:c'],
    ['a', 'b:c', 'a:b:c'],
    ['users', '', 'users:'],
    ['users', 'users:1', 'users:users:1'],
    ['users', '__proto__', 'users:__proto__'],
    ['users', 'a%3Ab', 'users:a%3Ab'],
  ])('namespace %j and key %j produce the physical key %j', (namespace, key, physical) => {
    expect(physicalKey(keyPrefix(namespace, DEFAULTS), key)).toBe(physical);
  });
});

describe.each([
  ['arbitrary text', text],
  ['separators and escapes', trickyText],
])('physical keys made of %s', (_name, characters) => {
  const namespaces = characters.filter((namespace) => namespace !== '');

  test('can be split into namespace and key again, so each pair has its own physical key', () => {
    fc.assert(
      fc.property(namespaces, characters, (namespace, key) => {
        const physical = physicalKey(keyPrefix(namespace, DEFAULTS), key);
        const cut = physical.indexOf(':');
        expect(unescaped(physical.slice(0, cut))).toBe(namespace);
        expect(physical.slice(cut + 1)).toBe(key);
      }),
    );
  });

  test("in one namespace never begin with another namespace's prefix", () => {
    fc.assert(
      fc.property(namespaces, namespaces, characters, (one, other, key) => {
        fc.pre(one !== other);
        expect(physicalKey(keyPrefix(one, DEFAULTS), key).startsWith(keyPrefix(other, DEFAULTS))).toBe(false);
      }),
    );
  });

  test('differ in their UTF-8 bytes if the keys differ', () => {
    fc.assert(
      fc.property(namespaces, characters, characters, (namespace, one, other) => {
        fc.pre(one !== other);
        const prefix = keyPrefix(namespace, DEFAULTS);
        expect(Buffer.from(physicalKey(prefix, one))).not.toEqual(Buffer.from(physicalKey(prefix, other)));
      }),
    );
  });
});

/** A key format like the one of @keyv/redis, with short separators that often occur in tricky text. */
const keyvRedis = fc
  .constantFrom('::', ':', ':*:', '%d', 'a')
  .map((keySeparator) => ({ keyFormat: 'keyv-redis' as const, keySeparator }));

describe('physical keys in the format of @keyv/redis', () => {
  const namespaces = trickyText.filter((namespace) => namespace !== '');

  test("in one accepted namespace never begin with another accepted namespace's prefix", () => {
    fc.assert(
      fc.property(keyvRedis, namespaces, namespaces, trickyText, (format, one, other, key) => {
        fc.pre(one !== other && !brokenRule(one, format) && !brokenRule(other, format));
        const physical = physicalKey(keyPrefix(one, format), key);
        expect(physical).toBe(one + format.keySeparator + key);
        expect(physical.startsWith(keyPrefix(other, format))).toBe(false);
      }),
    );
  });

  test("of every refused namespace would be in another namespace, or among the store's own keys", () => {
    fc.assert(
      fc.property(keyvRedis, namespaces, (format, namespace) => {
        fc.pre(brokenRule(namespace, format) !== undefined);
        const prefix = keyPrefix(namespace, format);
        const first = prefix.slice(0, prefix.indexOf(format.keySeparator));
        const isReserved = prefix.startsWith('%dredis:') || '%dredis:'.startsWith(prefix);
        expect(first !== namespace || isReserved).toBe(true);
      }),
    );
  });

  const AMBIGUOUS =
    'must neither contain the separator "::" nor end with a part of it, because with keyFormat "keyv-redis" ' +
    'clear() of another namespace would remove its keys';
  const RESERVED = "must not have the prefix of the store's own keys, %dredis:";

  test.each([
    ['::', 'a::b', AMBIGUOUS],
    ['::', '::', AMBIGUOUS],
    ['::', 'a:', AMBIGUOUS],
    [':', '%dredis', RESERVED],
    [':x', '%dredis:', RESERVED],
    ['redis', '%d', RESERVED],
    ['redis:', '%d', RESERVED],
    ['redis:x', '%d', RESERVED],
    ['::', '%dredis', RESERVED],
    ['::', ':a', undefined],
    ['::', 'a:b', undefined],
    ['::', '', undefined],
    ['::', undefined, undefined],
  ])('with the separator %j and the namespace %j: the broken rule is %j', (keySeparator, namespace, rule) => {
    const format = { keyFormat: 'keyv-redis', keySeparator } as const;
    expect(brokenRule(namespace, format)).toBe(rule);
    const assertion = expect(() => assertNamespace(namespace, format));
    if (rule === undefined) assertion.not.toThrow();
    else assertion.toThrow(new InvalidArgumentError(`A namespace ${rule}, got ${JSON.stringify(namespace)}`));
    expect(() => assertNamespace(namespace, DEFAULTS)).not.toThrow();
  });
});

/** Reverses escapeNamespace(), which escapes two characters. */
function unescaped(escaped: string): string {
  return escaped.replaceAll('%3A', ':').replaceAll('%25', '%');
}

describe('physicalKey() refuses', () => {
  test.each([
    [
      '\ud800',
      'A key must be well-formed Unicode, got "\\ud800" with a lone surrogate, which UTF-8 cannot encode',
    ],
    [
      'a\udc00b',
      'A key must be well-formed Unicode, got "a\\udc00b" with a lone surrogate, which UTF-8 cannot encode',
    ],
  ])('%j', (key, message) => {
    expect(() => physicalKey('keyv:', key)).toThrow(new InvalidArgumentError(message));
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'number'],
    [Number.POSITIVE_INFINITY, 'number'],
    [1n, 'bigint'],
    [Symbol('s'), 'symbol'],
    [{}, 'object'],
    [['a'], 'object'],
  ])('%p', (key, got) => {
    const error = thrownBy(() => physicalKey('keyv:', key as string));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({
      code: 'DREDIS_INVALID_ARGUMENT',
      name: 'InvalidArgumentError',
      message: `A key must be a string, got ${got}`,
    });
  });

  test.each([
    [5, '5'],
    [-0.5, '-0.5'],
    [-0, '0'],
    [1e21, '1e+21'],
  ])('no finite number: %p becomes the text %j', (key, text) => {
    expect(physicalKey('keyv:', key as never)).toBe(`keyv:${text}`);
    expect(physicalKey('', key as never)).toBe(text);
  });

  test('no key with a valid surrogate pair', () => {
    expect(physicalKey('keyv:', '\ud83d\ude00')).toBe('keyv:😀');
  });

  test('a key without a prefix that begins with the reserved prefix %dredis:', () => {
    const message =
      'A key without a prefix must not begin with %dredis:, which the store reserves for itself, got "%dredis:run"';
    expect(() => physicalKey('', '%dredis:run')).toThrow(new InvalidArgumentError(message));
    expect(physicalKey('keyv:', '%dredis:run')).toBe('keyv:%dredis:run');
    expect(physicalKey('', 'a%dredis:run')).toBe('a%dredis:run');
  });

  test('a long key with a short message', () => {
    const { message } = thrownBy(() => physicalKey('keyv:', `${'k'.repeat(100_000)}\ud800`));
    expect(message.length).toBeLessThan(250);
  });
});

test.each([
  ['', '*'],
  ['keyv:', 'keyv:*'],
  ['a*b?c[d]e\\f:', 'a\\*b\\?c\\[d\\]e\\\\f:*'],
  ['[^a-z]:', '\\[^a-z\\]:*'],
])('the SCAN pattern for the prefix %j is %j', (prefix, pattern) => {
  expect(scanPattern(prefix)).toBe(pattern);
});

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
