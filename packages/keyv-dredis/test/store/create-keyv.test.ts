import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Keyv as Keyv6 } from 'keyv';
import { Keyv as Keyv5 } from 'keyv5';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import { useSharedDatabase } from '../support/clients.js';
import { type AnyKeyv, entriesOf, NAMESPACES, workbench } from '../support/keyvs.js';
import { sharedLocations } from '../support/servers.js';

// createKeyv() makes a Keyv of the major that its user has installed. Under both, the store alone puts the
// namespace before a key.

const bench = workbench(2);

const keysInRedis = () => bench.redis.keys('');

const opened: AnyKeyv[] = [];
let createKeyv: (options?: DRedisStoreOptions) => AnyKeyv & { store: DRedisStore };

afterEach(async () => {
  await Promise.all(opened.splice(0).map((keyv) => keyv.disconnect()));
});

describe.each([
  ['Keyv 5', Keyv5],
  ['Keyv 6', Keyv6],
])('createKeyv() where %s is installed', (_title, Keyv) => {
  beforeEach(async () => {
    jest.resetModules();
    jest.unstable_mockModule('keyv', () => ({ Keyv }));
    const source = await import('../../src/create-keyv.js');
    createKeyv = (options) => {
      const keyv = source.createKeyv(sharedLocations(), { database: useSharedDatabase(), ...options });
      expect(keyv).toBeInstanceOf(Keyv);
      keyv.on('error', (error: unknown) => bench.errors.push(error));
      opened.push(keyv as unknown as AnyKeyv);
      return keyv as unknown as ReturnType<typeof createKeyv>;
    };
  });

  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    const KEYS = ['key', 'a:b', `${prefix}key`, `${namespace}:key`];

    test('a key stands in Redis behind the prefix once, whatever it begins with', async () => {
      const keyv = createKeyv({ namespace });
      for (const key of KEYS) expect(await keyv.set(key, `value of ${key}`, 60_000)).toBe(true);
      expect(await keysInRedis()).toEqual([...new Set(KEYS)].map((key) => prefix + key).sort());
    });

    test('every method finds it there', async () => {
      const keyv = createKeyv({ namespace });
      const keys = [...new Set(KEYS)].sort();
      const values = keys.map((key) => `value of ${key}`);
      await keyv.setMany(keys.map((key, index) => ({ key, value: values[index] })));
      expect(await keysInRedis()).toEqual(keys.map((key) => prefix + key).sort());
      expect(await keyv.getMany(keys)).toEqual(values);
      expect(await Promise.all(keys.map((key) => keyv.get(key)))).toEqual(values);
      expect(await keyv.hasMany([...keys, 'none'])).toEqual([...keys.map(() => true), false]);
      expect(await entriesOf(keyv)).toEqual(keys.map((key, index) => [key, values[index]]));
      expect(keyv.store.locate(keys[0] as string).key).toBe(prefix + keys[0]);
      for (const key of keys) expect([await keyv.delete(key), await keyv.has(key)]).toEqual([true, false]);
      expect(await keysInRedis()).toEqual([]);
    });

    test('reads what a Keyv over a store has written, and clears it', async () => {
      const keyv = createKeyv({ namespace });
      for (const major of [5, 6] as const) {
        await bench.openKeyv(major, { namespace }).set(`by ${major}`, major);
      }
      await bench.openKeyv(6, { namespace: 'contract-neighbour' }).set('key', 1);
      expect(await keyv.getMany(['by 5', 'by 6'])).toEqual([5, 6]);
      await keyv.clear();
      expect(await keysInRedis()).toEqual(['contract-neighbour:key']);
    });

    test('Keyv and store have the namespace', () => {
      const keyv = createKeyv({ namespace });
      expect(keyv.namespace).toBe(namespace);
      // Keyv 5 looks for it in the keys that iterator() yields, where it stands escaped.
      const escaped = namespace?.replaceAll('%', '%25').replaceAll(':', '%3A');
      expect(keyv.store.namespace).toBe((Keyv as unknown) === Keyv5 ? escaped : namespace);
    });
  });

  test('options of the store are the store’s', async () => {
    const keyv = createKeyv({ keyFormat: 'raw' });
    await keyv.set('contract-raw', 'value');
    expect(await keysInRedis()).toEqual(['contract-raw']);
    await keyv.clear();
    expect(bench.errors.splice(0)).toEqual([expect.objectContaining({ code: 'DREDIS_CLEAR_REFUSED' })]);
  });
});
