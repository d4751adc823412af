import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalHost, hostProblem, hostToConnect } from '../../src/config/host-name.js';

describe('a host is valid:', () => {
  test.each([
    'a',
    'cache-1',
    'a_b.example',
    '_redis._tcp.example',
    'A.Example.COM.',
    'xn--bcher-kva.example',
    '10.0.0.1',
    '255.255.255.255',
    '10.0.0.1.',
    '1a',
    '1.2.3.4a',
    'undefinedbehaviour.example',
    'nullable',
    '::1',
    '[::1]',
    'fe80::1%eth0',
    '[fe80::1%eth0]',
    `${'a'.repeat(63)}.example`,
    `${'abcdefg.'.repeat(31)}abcde`,
    `${'abcdefg.'.repeat(31)}abcde.`,
  ])('%s', (host) => {
    expect(hostProblem(host)).toBeUndefined();
  });
});

const CHARACTERS = 'has characters other than letters, digits, ".", "-" and "_"';
const PART = 'has a part between dots that is empty, begins with "-" or has more than 63 characters';
const IPV4 = 'looks like an IPv4 address, but is not four numbers from 0 to 255 without leading zeros';
const WORD = 'contains a word such as "undefined"; an environment variable is probably not set';
const BRACKETS = 'has brackets without an IPv6 address in them, as in [::1]:6379';

describe('a host is refused, and the message says why:', () => {
  test.each([
    ['', 'is empty'],
    ['.', PART],
    ['a..b', PART],
    ['.a', PART],
    ['a..', PART],
    ['-x-', PART],
    ['a.-b', PART],
    [`${'a'.repeat(64)}.example`, PART],
    [`${'abcdefg.'.repeat(31)}abcdefg`, 'has more than 253 characters'],
    ['10.0.0.256', IPV4],
    ['10.0.0.01', IPV4],
    ['1.2.3', IPV4],
    ['1.2.3.4.5', IPV4],
    ['a.1', IPV4],
    ['6379', IPV4],
    ['0x7f000001', IPV4],
    ['127.0.0.0x1', IPV4],
    ['undefined', WORD],
    ['UNDEFINED', WORD],
    ['undefined.example', WORD],
    ['cache-undefined', WORD],
    ['null', WORD],
    ['NaN', WORD],
    ['None', WORD],
    ['[]', BRACKETS],
    ['[::1', BRACKETS],
    ['[10.0.0.1]', BRACKETS],
    ['[fe80::1%]', BRACKETS],
    ['a b', CHARACTERS],
    ['a ', CHARACTERS],
    ['a\n', CHARACTERS],
    ['a:1', CHARACTERS],
    ['a,b', CHARACTERS],
    ['password=x', CHARACTERS],
    ['u@h', CHARACTERS],
    ['a/b', CHARACTERS],
    ['$HOST', CHARACTERS],
    ['*', CHARACTERS],
    ['%', CHARACTERS],
    ['"a"', CHARACTERS],
    ['bücher.example', CHARACTERS],
    ['ａ', CHARACTERS],
    ['a\u0000', CHARACTERS],
    ['\ud800', CHARACTERS],
  ])('%j', (host, problem) => {
    expect(hostProblem(host)).toBe(problem);
  });

  test('only letters, digits, ".", "-" and "_" are possible outside of an IPv6 address', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), (text) => {
        fc.pre(!/^[\w.-]+$/.test(text) && !text.includes(':'));
        expect(hostProblem(text)).toBeDefined();
      }),
    );
  });
});

describe('all spellings of a host have one canonical form:', () => {
  test.each([
    ['Cache-1.Example.', 'cache-1.example', 'cache-1.example.'],
    ['cache-1', 'cache-1', 'cache-1'],
    ['LOCALHOST.', 'localhost', 'localhost'],
    ['10.0.0.1.', '10.0.0.1', '10.0.0.1'],
    ['[::1]', '::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1', '10.0.0.1'],
    ['[FE80::1%Eth0]', 'fe80::1%Eth0', 'fe80::1%Eth0'],
  ])('%s is %s, and the store connects to %s', (host, canonical, connected) => {
    expect(canonicalHost(host)).toBe(canonical);
    expect(canonicalHost(canonical)).toBe(canonical);
    expect(hostToConnect(host)).toBe(connected);
  });

  test('any IPv6 address, with and without leading zeros, in upper and lower case', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const short = groups.map((group) => group.toString(16)).join(':');
        const long = groups.map((group) => group.toString(16).padStart(4, '0').toUpperCase()).join(':');
        expect(canonicalHost(long)).toBe(canonicalHost(short));
        expect(canonicalHost(`[${long}]`)).toBe(canonicalHost(canonicalHost(short)));
      }),
    );
  });

  test('any host name, in upper and lower case, with and without a trailing dot', () => {
    fc.assert(
      fc.property(fc.domain(), (name) => {
        expect(canonicalHost(`${name.toUpperCase()}.`)).toBe(canonicalHost(name.toLowerCase()));
      }),
    );
  });
});
