import { describe, expect, test } from '@jest/globals';
import { type Keyv as Keyv6, KeyvJsonSerializer } from 'keyv';
import { entriesOf, MAJORS, workbench } from '../support/keyvs.js';
import { rejection } from '../support/stores.js';

// Keys and values at the edges, through Keyv and Redis and back.

const bench = workbench(13);
const { openStore, openKeyv, errors } = bench;

const KEYS: [name: string, key: string][] = [
  ['of 64 KB', 'k'.repeat(65_536)],
  ['of 64 KB that differs in the last character', `${'k'.repeat(65_535)}K`],
  ['of unicode', 'ключ-鍵-🗝️'],
  ['composed', '\u00e9'],
  ['decomposed', 'e\u0301'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['hasOwnProperty', 'hasOwnProperty'],
  ['of line ends', 'a\r\nb\n'],
  ['that looks like a command', '\r\n*1\r\n$8\r\nFLUSHALL\r\n'],
  ['of NULs', '\0a\0'],
  ['of a space', ' '],
  ['of quotes', `"'\``],
  ['of hash tags', '{a}{b}'],
  ['that Redis cuts nothing off', 'a:b:c::'],
  ['undefined in letters', 'undefined'],
  ['a replacement character', '\ufffd'],
  ['a byte order mark', '\ufeffkey'],
];

describe.each(MAJORS)('under %s', (_title, major) => {
  test.each(KEYS)('a key %s', async (_name, key) => {
    const keyv = openKeyv(major, { namespace: 'contract' });
    expect(await keyv.set(key, 'value')).toBe(true);
    expect(await bench.redis.keys('')).toEqual([`contract:${key}`]);
    expect(await keyv.get(key)).toBe('value');
    expect(await keyv.getMany([key, 'no key', key])).toEqual(['value', undefined, 'value']);
    expect(await keyv.hasMany([key])).toEqual([true]);
    expect(await entriesOf(keyv)).toEqual([[key, 'value']]);
    expect(await keyv.delete(key)).toBe(true);
    expect(await keyv.setMany([{ key, value: 1, ttl: 60_000 }])).toEqual([true]);
    await keyv.clear();
    expect(await keyv.has(key)).toBe(false);
  });

  test('all of them at once: each has its own value', async () => {
    const keyv = openKeyv(major, { namespace: 'contract' });
    await keyv.setMany(KEYS.map(([name, key]) => ({ key, value: name })));
    expect(await bench.redis.keys('')).toHaveLength(KEYS.length);
    expect(await keyv.getMany(KEYS.map(([, key]) => key))).toEqual(KEYS.map(([name]) => name));
    expect(await Promise.all(KEYS.map(([, key]) => keyv.get(key)))).toEqual(KEYS.map(([name]) => name));
  });

  test.each(['\ud800', 'a\udc00'])('the lone surrogate %j is no key, and says so', async (key) => {
    const keyv = openKeyv(major, { namespace: 'contract' });
    expect(await keyv.set(key, 'value')).toBe(false);
    expect(await keyv.get(key)).toBeUndefined();
    expect(await keyv.delete(key)).toBe(false);
    expect(await keyv.setMany([{ key, value: 'value' }])).toEqual([false]);
    expect(errors.splice(0).map((error) => (error as { code: string }).code)).toEqual(
      Array(4).fill('DREDIS_INVALID_ARGUMENT'),
    );
    expect(await bench.redis.keys('')).toEqual([]);
  });

  test('16 MB of text', async () => {
    const keyv = openKeyv(major, { namespace: 'contract' }, openStore({ commandTimeoutMs: 20_000 }));
    const value = 'ü0123456789abcd'.repeat(2 ** 20);
    expect(Buffer.byteLength(value)).toBe(2 ** 24);
    await keyv.set('large', value);
    await keyv.set('small', 'value');
    const [large, small] = await keyv.getMany(['large', 'small']);
    // Jest would print both.
    expect(large === value).toBe(true);
    expect(small).toBe('value');
    expect((await keyv.get('large')) === value).toBe(true);
  });

  test('a value that says that it has expired is a miss', async () => {
    const store = openStore();
    const keyv = openKeyv(major, { namespace: 'contract' }, store);
    const { client, key } = store.locate('key');
    await client.set(key, JSON.stringify({ value: 'old', expires: Date.now() - 1 }));
    expect(await keyv.get('key')).toBeUndefined();
    expect(await bench.redis.keys('')).toEqual([]);
  });
});

test('the empty key is Keyv 5’s and the store’s; Keyv 6 has none', async () => {
  const five = openKeyv(5, { namespace: 'contract' });
  expect(await five.set('', 'value')).toBe(true);
  expect(await bench.redis.keys('')).toEqual(['contract:']);
  expect(await five.getMany(['', 'key'])).toEqual(['value', undefined]);

  const six = openKeyv(6, { namespace: 'contract' });
  expect(await six.set('', 'other')).toBe(false);
  expect(await six.get('')).toBeUndefined();

  const store = openStore({ namespace: 'contract' });
  expect(await store.set('', 'stored')).toBe(true);
  expect(await store.get('')).toBe('stored');
  expect(await store.delete('')).toBe(true);
});

describe('without Keyv, what is handed over comes back byte for byte', () => {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

  test.each<[string, string | Buffer]>([
    ['the empty string', ''],
    ['no bytes', Buffer.alloc(0)],
    ['every byte', everyByte],
    ['text that is no JSON', '{"value":'],
    ['16 MB of bytes', Buffer.alloc(2 ** 24, everyByte)],
  ])('%s', async (_name, value) => {
    const store = openStore({ namespace: 'contract', commandTimeoutMs: 20_000 });
    const same = (got: unknown) =>
      typeof value === 'string' ? got === value : Buffer.isBuffer(got) && got.equals(value);
    await store.set('key', value);
    await store.setMany([
      { key: 'plain', value },
      { key: 'timed', value, expires: Date.now() + 60_000 },
    ]);
    expect(same(await store.get('key'))).toBe(true);
    expect((await store.getMany(['timed', 'plain', 'key'])).map(same)).toEqual([true, true, true]);
    for await (const [, got] of store.iterator()) expect(same(got)).toBe(true);
  });

  test('a lone surrogate is refused as a value, and nothing is stored', async () => {
    const store = openStore({ namespace: 'contract' });
    const error = await rejection(store.setMany([{ key: 'key', value: '\ud800' }]));
    expect(error).toMatchObject({ name: 'InvalidArgumentError', code: 'DREDIS_INVALID_ARGUMENT' });
    expect(await bench.redis.keys('')).toEqual([]);
  });
});

describe('serialisers', () => {
  const marked = {
    stringify: (data: unknown) => `marked ${new KeyvJsonSerializer().stringify(data)}`,
    parse: (text: string) => new KeyvJsonSerializer().parse(text.slice('marked '.length)),
  };

  test.each(MAJORS)('of the user’s, under %s', async (_title, major) => {
    const options =
      major === 5 ? { serialize: marked.stringify, deserialize: marked.parse } : { serialization: marked };
    const keyv = openKeyv(major, { namespace: 'contract', ...(options as object) });
    await keyv.set('key', { a: 1n });
    expect(await bench.redis.get('contract:key')).toBe('marked {"value":{"a":":bigint:1"}}');
    expect(await keyv.get('key')).toEqual({ a: 1n });
    expect(await keyv.getMany(['key'])).toEqual([{ a: 1n }]);
    expect(await entriesOf(keyv)).toEqual([['key', { a: 1n }]]);
  });

  test.each(MAJORS)('switched off, under %s: an error that says what is missing', async (_title, major) => {
    const off = major === 5 ? { serialize: undefined, deserialize: undefined } : { serialization: false };
    const keyv = openKeyv(major, { namespace: 'contract', ...(off as object) });
    expect(await keyv.set('key', 'value')).toBe(false);
    expect(await keyv.setMany([{ key: 'key', value: 'value' }])).toEqual([false]);
    const told = errors.splice(0) as Error[];
    expect(told).toHaveLength(2);
    for (const error of told) {
      expect(error).toMatchObject({ code: 'DREDIS_INVALID_ARGUMENT' });
      expect(error.message).toContain("Keyv's serializer, which is on by default");
    }
    expect(await bench.redis.keys('')).toEqual([]);
  });
});

test('Keyv 6 that does not check expiry asks the store: has, hasMany', async () => {
  const keyv = openKeyv(6, { namespace: 'contract', checkExpired: false }) as unknown as Keyv6;
  await keyv.set('key', 'value');
  expect(await keyv.has('key')).toBe(true);
  expect(await keyv.hasMany(['none', 'key', 'key'])).toEqual([false, true, true]);
  expect(await keyv.get('key')).toBe('value');
});
