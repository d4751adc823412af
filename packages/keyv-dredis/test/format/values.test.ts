import { describe, expect, test } from '@jest/globals';
import { KeyvJsonSerializer } from 'keyv';
import { entriesOf, MAJORS, openKeyv, openStore, sharedRedis, takeErrors } from '../support/index.js';

describe.each(MAJORS)('values under %s', (_title, major) => {
  test('can be 16 MB of text', async () => {
    const keyv = openKeyv(major, { namespace: 'app' }, openStore({ commandTimeoutMs: 20_000 }));
    const value = 'ü0123456789abcd'.repeat(2 ** 20);
    expect(Buffer.byteLength(value)).toBe(2 ** 24);
    await keyv.set('large', value);
    await keyv.set('small', 'value');
    const [large, small] = await keyv.getMany(['large', 'small']);
    // If the test fails, toBe(value) would print both values.
    expect(large === value).toBe(true);
    expect(small).toBe('value');
    expect((await keyv.get('large')) === value).toBe(true);
  });
});

describe('values without Keyv', () => {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

  test.each<[string, string | Buffer]>([
    ['the empty string', ''],
    ['no bytes', Buffer.alloc(0)],
    ['every byte', everyByte],
    ['text that is not JSON', '{"value":'],
    ['16 MB of bytes', Buffer.alloc(2 ** 24, everyByte)],
  ])('are returned unchanged, for example %s', async (_name, value) => {
    const store = openStore({ namespace: 'app', commandTimeoutMs: 20_000 });
    const isSame = (got: unknown) =>
      typeof value === 'string' ? got === value : Buffer.isBuffer(got) && got.equals(value);
    await store.set('key', value);
    await store.setMany([
      { key: 'plain', value },
      { key: 'timed', value, expires: Date.now() + 60_000 },
    ]);
    expect(isSame(await store.get('key'))).toBe(true);
    expect((await store.getMany(['timed', 'plain', 'key'])).map(isSame)).toEqual([true, true, true]);
    for await (const [, got] of store.iterator()) expect(isSame(got)).toBe(true);
  });
});

describe("Keyv's serializers", () => {
  const marked = {
    stringify: (data: unknown) => `marked ${new KeyvJsonSerializer().stringify(data)}`,
    parse: (text: string) => new KeyvJsonSerializer().parse(text.slice('marked '.length)),
  };

  test.each(MAJORS)('can be custom under %s', async (_title, major) => {
    const options =
      major === 5 ? { serialize: marked.stringify, deserialize: marked.parse } : { serialization: marked };
    const keyv = openKeyv(major, { namespace: 'app', ...(options as object) });
    await keyv.set('key', { a: 1n });
    expect(await sharedRedis.get('app:key')).toBe('marked {"value":{"a":":bigint:1"}}');
    expect(await keyv.get('key')).toEqual({ a: 1n });
    expect(await keyv.getMany(['key'])).toEqual([{ a: 1n }]);
    expect(await entriesOf(keyv)).toEqual([['key', { a: 1n }]]);
  });

  test.each(MAJORS)(
    'are required: set() under %s emits an error that says so if there is none',
    async (_title, major) => {
      const off = major === 5 ? { serialize: undefined, deserialize: undefined } : { serialization: false };
      const keyv = openKeyv(major, { namespace: 'app', ...(off as object) });
      expect(await keyv.set('key', 'value')).toBe(false);
      expect(await keyv.setMany([{ key: 'key', value: 'value' }])).toEqual([false]);
      const errors = takeErrors() as Error[];
      expect(errors).toHaveLength(2);
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'DREDIS_INVALID_ARGUMENT' });
        expect(error.message).toContain("Keyv's serializer, which is on by default");
      }
      expect(await sharedRedis.keys()).toEqual([]);
    },
  );
});
