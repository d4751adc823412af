import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, entriesOf, MAJORS, NAMESPACES, workbench } from '../support/keyvs.js';

// What a plain client sees in Redis: under Keyv 5 and under Keyv 6 the same, so that moving keeps data.

const bench = workbench(12);
const { openStore, openKeyv } = bench;

/** All keys of the database. */
const keysInRedis = () => bench.redis.keys('');

describe.each(MAJORS)('under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    let store: DRedisStore;
    let keyv: AnyKeyv;

    beforeEach(() => {
      store = openStore();
      keyv = openKeyv(major, { namespace }, store);
    });

    test('a key stands in Redis behind the prefix, once', async () => {
      await keyv.set('key', 'value');
      await keyv.setMany([
        { key: 'a:b', value: 1 },
        { key: 'expires', value: 2, ttl: 60_000 },
      ]);
      expect(await keysInRedis()).toEqual(['a:b', 'expires', 'key'].map((key) => prefix + key));
      expect(await bench.redis.get(`${prefix}key`)).toBe('{"value":"value"}');
    });

    test('each method finds it there', async () => {
      await keyv.set('key', 'value');
      expect(await keyv.get('key')).toBe('value');
      expect(await keyv.getMany(['key'])).toEqual(['value']);
      expect(await keyv.has('key')).toBe(true);
      expect(await keyv.hasMany(['key'])).toEqual([true]);
      expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
      expect([await keyv.deleteMany(['key'])].flat()).toEqual([true]);
      await keyv.set('key', 'value');
      expect(await keyv.delete('key')).toBe(true);
      expect(await keysInRedis()).toEqual([]);
    });

    test('on the server that locate() names, and no other', async () => {
      const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
      await keyv.setMany(keys.map((key) => ({ key, value: key })));
      const byServer = await bench.redis.keysByServer('');
      for (const key of keys) {
        const located = store.locate(key);
        expect(located.key).toBe(prefix + key);
        const holding = store.nodes.filter((_, index) => byServer[index]?.includes(prefix + key));
        expect(holding).toEqual([located.node]);
      }
    });

    test('the other Keyv finds what this one has written, and the other way round', async () => {
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
      expect(await keysInRedis()).toEqual([]);
    });

    test('keyFormat raw changes nothing but keys without a namespace', async () => {
      await openKeyv(major, { namespace }, openStore({ keyFormat: 'raw' })).set('contract-raw', 'value');
      expect(await keysInRedis()).toEqual([namespace ? `${prefix}contract-raw` : 'contract-raw']);
    });
  });

  test('a Keyv that is told nothing at all uses keyv:', async () => {
    await openKeyv(major).set('key', 'value');
    expect(await keysInRedis()).toEqual(['keyv:key']);
  });

  test('no namespace reads undefined, though keys begin with keyv:', () => {
    const store = openStore();
    const keyv = openKeyv(major, { namespace: undefined }, store);
    expect(store.namespace).toBeUndefined();
    expect(keyv.namespace).toBeUndefined();
  });

  test('the namespace of the store is used when Keyv is given none', async () => {
    const store = openStore({ namespace: 'contract-store' });
    const keyv = openKeyv(major, { namespace: undefined }, store);
    await keyv.set('key', 'value');
    // Keyv 5 assigns what it has, also when that is nothing.
    expect(await keysInRedis()).toEqual([major === 5 ? 'keyv:key' : 'contract-store:key']);
  });

  test('the namespace of Keyv wins over that of the store', async () => {
    const store = openStore({ namespace: 'contract-store' });
    await openKeyv(major, { namespace: 'contract' }, store).set('key', 'value');
    expect(await keysInRedis()).toEqual(['contract:key']);
  });

  test('a key and a namespace with colons never meet', async () => {
    const one = openKeyv(major, { namespace: 'contract' });
    const other = openKeyv(major, { namespace: 'contract:a' });
    await one.set('a:b', 'one');
    await other.set('b', 'other');
    expect([await one.get('a:b'), await other.get('b')]).toEqual(['one', 'other']);
    expect(await keysInRedis()).toEqual(['contract%3Aa:b', 'contract:a:b']);
  });

  test('keyFormat raw without a namespace: keys as they are', async () => {
    const store = openStore({ keyFormat: 'raw' });
    const keyv = openKeyv(major, { namespace: undefined }, store);
    await keyv.set('contract-raw:1', 'value');
    await keyv.setMany([{ key: 'contract-raw', value: 'another' }]);
    expect(await keysInRedis()).toEqual(['contract-raw', 'contract-raw:1']);
    expect(await keyv.getMany(['contract-raw:1', 'contract-raw'])).toEqual(['value', 'another']);
    expect(store.locate('contract-raw').key).toBe('contract-raw');
    expect(await entriesOf(keyv)).toEqual([
      ['contract-raw', 'another'],
      ['contract-raw:1', 'value'],
    ]);
  });

  test('a store that goes from one namespace to another with its Keyv', async () => {
    const keyv = openKeyv(major, { namespace: 'contract-1' });
    await keyv.set('key', 1);
    keyv.namespace = 'contract-2';
    await keyv.set('key', 2);
    expect(await keysInRedis()).toEqual(['contract-1:key', 'contract-2:key']);
    expect(await keyv.get('key')).toBe(2);
    await keyv.clear();
    expect(await keysInRedis()).toEqual(['contract-1:key']);
  });
});

describe('a key that begins as its namespace does', () => {
  test.each([
    ['under Keyv 6', () => openKeyv(6, { namespace: 'contract' })],
    [
      'under Keyv 5 with useKeyPrefix: false, where the store is told',
      () => openKeyv(5, { namespace: 'contract', useKeyPrefix: false }, openStore({ useKeyPrefix: false })),
    ],
  ])('%s is a key like any other', async (_title, open) => {
    const keyv = open();
    await keyv.set('1', 'bare');
    await keyv.set('contract:1', 'prefixed');
    expect(await keysInRedis()).toEqual(['contract:1', 'contract:contract:1']);
    expect(await keyv.getMany(['1', 'contract:1'])).toEqual(['bare', 'prefixed']);
    expect(await entriesOf(keyv)).toEqual([
      ['1', 'bare'],
      ['contract:1', 'prefixed'],
    ]);
  });
});

describe.each(NAMESPACES)('under Keyv 5 with useKeyPrefix: false and %s', (_title, namespace, prefix) => {
  test.each([
    ['told', false],
    ['not told', undefined],
  ])('a store that is %s stores the same physical keys', async (_told, useKeyPrefix) => {
    const store = openStore({ useKeyPrefix });
    const keyv = openKeyv(5, { namespace, useKeyPrefix: false }, store);
    await keyv.set('key', 'value');
    await keyv.setMany([{ key: 'a:b', value: 1 }]);
    expect(await keysInRedis()).toEqual([`${prefix}a:b`, `${prefix}key`]);
    expect(await keyv.getMany(['a:b', 'key'])).toEqual([1, 'value']);
    // Without a namespace keys look the same, prefixed or not: a store must be told what to yield.
    const yielded = namespace === undefined && useKeyPrefix === undefined ? prefix : '';
    expect(await entriesOf(keyv)).toEqual([
      [`${yielded}a:b`, 1],
      [`${yielded}key`, 'value'],
    ]);
    expect(await openKeyv(6, { namespace }).get('key')).toBe('value');
  });
});
