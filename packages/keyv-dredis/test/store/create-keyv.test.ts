import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Keyv as Keyv6 } from 'keyv';
import { Keyv as Keyv5 } from 'keyv5';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import {
  type AnyKeyv,
  collectErrors,
  entriesOf,
  NAMESPACES,
  onCleanUp,
  openKeyv,
  sharedLocations,
  sharedRedis,
  takeErrors,
  useSharedDatabase,
} from '../support/index.js';

// createKeyv() makes a Keyv of the installed major version. Under both versions, only the store prefixes
// keys.

let createKeyv: (options?: DRedisStoreOptions) => AnyKeyv & { store: DRedisStore };

describe.each([
  ['Keyv 5', Keyv5],
  ['Keyv 6', Keyv6],
])('createKeyv() with %s installed', (_title, Keyv) => {
  beforeEach(async () => {
    jest.resetModules();
    jest.unstable_mockModule('keyv', () => ({ Keyv }));
    const source = await import('../../src/create-keyv.js');
    createKeyv = (options) => {
      const keyv = source.createKeyv(sharedLocations(), { database: useSharedDatabase(), ...options });
      expect(keyv).toBeInstanceOf(Keyv);
      collectErrors(keyv);
      onCleanUp(() => keyv.disconnect());
      return keyv as unknown as ReturnType<typeof createKeyv>;
    };
  });

  describe.each(NAMESPACES)('and %s', (_title, namespace, prefix) => {
    const KEYS = ['key', 'a:b', `${prefix}key`, `${namespace}:key`];

    test('prefixes each key exactly once, even if the key begins with a prefix', async () => {
      const keyv = createKeyv({ namespace });
      for (const key of KEYS) expect(await keyv.set(key, `value of ${key}`, 60_000)).toBe(true);
      expect(await sharedRedis.keys()).toEqual([...new Set(KEYS)].map((key) => prefix + key).sort());
    });

    test('finds prefixed keys with every method', async () => {
      const keyv = createKeyv({ namespace });
      const keys = [...new Set(KEYS)].sort();
      const values = keys.map((key) => `value of ${key}`);
      await keyv.setMany(keys.map((key, index) => ({ key, value: values[index] })));
      expect(await sharedRedis.keys()).toEqual(keys.map((key) => prefix + key).sort());
      expect(await keyv.getMany(keys)).toEqual(values);
      expect(await Promise.all(keys.map((key) => keyv.get(key)))).toEqual(values);
      expect(await keyv.hasMany([...keys, 'none'])).toEqual([...keys.map(() => true), false]);
      expect(await entriesOf(keyv)).toEqual(keys.map((key, index) => [key, values[index]]));
      expect(keyv.store.locate(keys[0] as string).key).toBe(prefix + keys[0]);
      for (const key of keys) expect([await keyv.delete(key), await keyv.has(key)]).toEqual([true, false]);
      expect(await sharedRedis.keys()).toEqual([]);
    });

    test('reads and clears keys from a Keyv that was made without createKeyv()', async () => {
      const keyv = createKeyv({ namespace });
      for (const major of [5, 6] as const) {
        await openKeyv(major, { namespace }).set(`by ${major}`, major);
      }
      await openKeyv(6, { namespace: 'app-neighbour' }).set('key', 1);
      expect(await keyv.getMany(['by 5', 'by 6'])).toEqual([5, 6]);
      await keyv.clear();
      expect(await sharedRedis.keys()).toEqual(['app-neighbour:key']);
    });

    test('sets the namespaces of the Keyv and the store', () => {
      const keyv = createKeyv({ namespace });
      expect(keyv.namespace).toBe(namespace);
      // Keyv 5 expects iterator()'s keys to contain the store's namespace, and they contain the escaped one.
      const escaped = namespace?.replaceAll('%', '%25').replaceAll(':', '%3A');
      expect(keyv.store.namespace).toBe((Keyv as unknown) === Keyv5 ? escaped : namespace);
    });
  });

  test('passes store options to the store', async () => {
    const keyv = createKeyv({ keyFormat: 'raw' });
    await keyv.set('app-raw', 'value');
    expect(await sharedRedis.keys()).toEqual(['app-raw']);
    await keyv.clear();
    expect(takeErrors()).toEqual([expect.objectContaining({ code: 'DREDIS_CLEAR_REFUSED' })]);
  });
});
