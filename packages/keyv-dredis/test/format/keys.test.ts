import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type AnyKeyv,
  entriesOf,
  MAJORS,
  NAMESPACES,
  openKeyv,
  openStore,
  sharedRedis,
} from '../support/index.js';

// Keys in Redis are the same under Keyv 5 and Keyv 6, so that the cache survives an upgrade.

const UNUSUAL_KEYS: [title: string, key: string][] = [
  ['of 64 KB', 'k'.repeat(65_536)],
  ['of 64 KB that differs in the last character', `${'k'.repeat(65_535)}K`],
  ['of unicode', 'ключ-鍵-🗝️'],
  ['with a composed character', '\u00e9'],
  ['with a decomposed character', 'e\u0301'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['hasOwnProperty', 'hasOwnProperty'],
  ['with line ends', 'a\r\nb\n'],
  ['that looks like a command', '\r\n*1\r\n$8\r\nFLUSHALL\r\n'],
  ['with NULs', '\0a\0'],
  ['of one space', ' '],
  ['of quotes', `"'\``],
  ['with hash tags', '{a}{b}'],
  ['that ends with separators', 'a:b:c::'],
  ['"undefined"', 'undefined'],
  ['of a replacement character', '\ufffd'],
  ['with a byte order mark', '\ufeffkey'],
];

describe.each(MAJORS)('keys in Redis under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    let keyv: AnyKeyv;

    beforeEach(() => {
      keyv = openKeyv(major, { namespace });
    });

    test('have the prefix exactly once', async () => {
      await keyv.set('key', 'value');
      await keyv.setMany([
        { key: 'a:b', value: 1 },
        { key: 'expires', value: 2, ttl: 60_000 },
      ]);
      expect(await sharedRedis.keys()).toEqual(['a:b', 'expires', 'key'].map((key) => prefix + key));
      expect(await sharedRedis.get(`${prefix}key`)).toBe('{"value":"value"}');
    });

    test('are found by every method', async () => {
      await keyv.set('key', 'value');
      expect(await keyv.get('key')).toBe('value');
      expect(await keyv.getMany(['key'])).toEqual(['value']);
      expect(await keyv.has('key')).toBe(true);
      expect(await keyv.hasMany(['key'])).toEqual([true]);
      expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
      expect([await keyv.deleteMany(['key'])].flat()).toEqual([true]);
      await keyv.set('key', 'value');
      expect(await keyv.delete('key')).toBe(true);
      expect(await sharedRedis.keys()).toEqual([]);
    });

    test('are shared with the other major version of Keyv', async () => {
      const other = openKeyv(major === 5 ? 6 : 5, { namespace });
      await keyv.set('one', { by: 'one' });
      await other.set('other', { by: 'other' }, 60_000);
      for (const each of [keyv, other]) {
        expect(await each.getMany(['one', 'other'])).toEqual([{ by: 'one' }, { by: 'other' }]);
        expect(await entriesOf(each)).toEqual([
          ['one', { by: 'one' }],
          ['other', { by: 'other' }],
        ]);
      }
      await other.clear();
      expect(await sharedRedis.keys()).toEqual([]);
    });

    test('have the same prefix with keyFormat raw, except without a namespace', async () => {
      await openKeyv(major, { namespace }, openStore({ keyFormat: 'raw' })).set('app-raw', 'value');
      expect(await sharedRedis.keys()).toEqual([namespace ? `${prefix}app-raw` : 'app-raw']);
    });
  });

  test('begin with keyv: if no option is set', async () => {
    await openKeyv(major).set('key', 'value');
    expect(await sharedRedis.keys()).toEqual(['keyv:key']);
  });

  test('begin with keyv: even if the namespaces of the store and of Keyv are undefined', () => {
    const store = openStore();
    const keyv = openKeyv(major, { namespace: undefined }, store);
    expect(store.namespace).toBeUndefined();
    expect(keyv.namespace).toBeUndefined();
  });

  test("begin with the store's namespace (Keyv 6) or keyv: (Keyv 5) if Keyv has no namespace", async () => {
    const store = openStore({ namespace: 'app-store' });
    const keyv = openKeyv(major, { namespace: undefined }, store);
    await keyv.set('key', 'value');
    // Even if its namespace is undefined, Keyv 5 assigns it to the store.
    expect(await sharedRedis.keys()).toEqual([major === 5 ? 'keyv:key' : 'app-store:key']);
  });

  test("begin with Keyv's namespace if Keyv and the store both have a namespace", async () => {
    const store = openStore({ namespace: 'app-store' });
    await openKeyv(major, { namespace: 'app' }, store).set('key', 'value');
    expect(await sharedRedis.keys()).toEqual(['app:key']);
  });

  test('differ if the colon is in the key and if it is in the namespace', async () => {
    const one = openKeyv(major, { namespace: 'app' });
    const other = openKeyv(major, { namespace: 'app:a' });
    await one.set('a:b', 'one');
    await other.set('b', 'other');
    expect([await one.get('a:b'), await other.get('b')]).toEqual(['one', 'other']);
    expect(await sharedRedis.keys()).toEqual(['app%3Aa:b', 'app:a:b']);
  });

  test('are unchanged with keyFormat raw and no namespace', async () => {
    const store = openStore({ keyFormat: 'raw' });
    const keyv = openKeyv(major, { namespace: undefined }, store);
    await keyv.set('app-raw:1', 'value');
    await keyv.setMany([{ key: 'app-raw', value: 'another' }]);
    expect(await sharedRedis.keys()).toEqual(['app-raw', 'app-raw:1']);
    expect(await keyv.getMany(['app-raw:1', 'app-raw'])).toEqual(['value', 'another']);
    expect(store.locate('app-raw').key).toBe('app-raw');
    expect(await entriesOf(keyv)).toEqual([
      ['app-raw', 'another'],
      ['app-raw:1', 'value'],
    ]);
  });

  test('begin with the new namespace after Keyv changes its namespace', async () => {
    const keyv = openKeyv(major, { namespace: 'app-1' });
    await keyv.set('key', 1);
    keyv.namespace = 'app-2';
    await keyv.set('key', 2);
    expect(await sharedRedis.keys()).toEqual(['app-1:key', 'app-2:key']);
    expect(await keyv.get('key')).toBe(2);
    await keyv.clear();
    expect(await sharedRedis.keys()).toEqual(['app-1:key']);
  });
});

describe('a key that begins with its namespace is prefixed like any other', () => {
  test.each([
    ['under Keyv 6', () => openKeyv(6, { namespace: 'app' })],
    [
      'under Keyv 5 with useKeyPrefix: false in Keyv and in the store',
      () => openKeyv(5, { namespace: 'app', useKeyPrefix: false }, openStore({ useKeyPrefix: false })),
    ],
  ])('%s', async (_title, open) => {
    const keyv = open();
    await keyv.set('1', 'bare');
    await keyv.set('app:1', 'prefixed');
    expect(await sharedRedis.keys()).toEqual(['app:1', 'app:app:1']);
    expect(await keyv.getMany(['1', 'app:1'])).toEqual(['bare', 'prefixed']);
    expect(await entriesOf(keyv)).toEqual([
      ['1', 'bare'],
      ['app:1', 'prefixed'],
    ]);
  });
});

describe.each(NAMESPACES)(
  'keys in Redis under Keyv 5 with useKeyPrefix: false and %s',
  (_title, namespace, prefix) => {
    test.each([
      ['with', false],
      ['without', undefined],
    ])('are the same for a store %s useKeyPrefix: false', async (_told, useKeyPrefix) => {
      const store = openStore({ useKeyPrefix });
      const keyv = openKeyv(5, { namespace, useKeyPrefix: false }, store);
      await keyv.set('key', 'value');
      await keyv.setMany([{ key: 'a:b', value: 1 }]);
      expect(await sharedRedis.keys()).toEqual([`${prefix}a:b`, `${prefix}key`]);
      expect(await keyv.getMany(['a:b', 'key'])).toEqual([1, 'value']);
      // Without a namespace, a store cannot distinguish prefixed keys from other keys, so iterator() needs
      // the option.
      const yielded = namespace === undefined && useKeyPrefix === undefined ? prefix : '';
      expect(await entriesOf(keyv)).toEqual([
        [`${yielded}a:b`, 1],
        [`${yielded}key`, 'value'],
      ]);
      expect(await openKeyv(6, { namespace }).get('key')).toBe('value');
    });
  },
);

describe.each(MAJORS)('unusual keys under %s:', (_title, major) => {
  test.each(UNUSUAL_KEYS)('every method accepts a key %s', async (_name, key) => {
    const keyv = openKeyv(major, { namespace: 'app' });
    expect(await keyv.set(key, 'value')).toBe(true);
    expect(await sharedRedis.keys()).toEqual([`app:${key}`]);
    expect(await keyv.get(key)).toBe('value');
    expect(await keyv.getMany([key, 'no key', key])).toEqual(['value', undefined, 'value']);
    expect(await keyv.hasMany([key])).toEqual([true]);
    expect(await entriesOf(keyv)).toEqual([[key, 'value']]);
    expect(await keyv.delete(key)).toBe(true);
    expect(await keyv.setMany([{ key, value: 1, ttl: 60_000 }])).toEqual([true]);
    await keyv.clear();
    expect(await keyv.has(key)).toBe(false);
  });

  test('each key has its own value', async () => {
    const keyv = openKeyv(major, { namespace: 'app' });
    const keys = UNUSUAL_KEYS.map(([, key]) => key);
    const values = UNUSUAL_KEYS.map(([title]) => title);
    await keyv.setMany(UNUSUAL_KEYS.map(([title, key]) => ({ key, value: title })));
    expect(await sharedRedis.keys()).toHaveLength(keys.length);
    expect(await keyv.getMany(keys)).toEqual(values);
    expect(await Promise.all(keys.map((key) => keyv.get(key)))).toEqual(values);
  });
});

test('the empty key works under Keyv 5 and without Keyv, and Keyv 6 refuses it', async () => {
  const five = openKeyv(5, { namespace: 'app' });
  expect(await five.set('', 'value')).toBe(true);
  expect(await sharedRedis.keys()).toEqual(['app:']);
  expect(await five.getMany(['', 'key'])).toEqual(['value', undefined]);

  const six = openKeyv(6, { namespace: 'app' });
  expect(await six.set('', 'other')).toBe(false);
  expect(await six.get('')).toBeUndefined();

  const store = openStore({ namespace: 'app' });
  expect(await store.set('', 'stored')).toBe(true);
  expect(await store.get('')).toBe('stored');
  expect(await store.delete('')).toBe(true);
});
