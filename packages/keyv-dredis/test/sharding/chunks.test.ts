import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { interceptCommands, openStore, sharedRedis } from '../support/index.js';

// A call with many keys is prepared and sent in chunks of 1,000. Its entries and the namespace are read
// before the first chunk. If one key is invalid, nothing is sent.

const KEYS = Array.from({ length: 5000 }, (_, number) => `key-${number}`);
const ENTRIES = KEYS.map((key) => ({ key, value: `value of ${key}` }));

let store: DRedisStore;

beforeEach(() => {
  store = openStore({ namespace: 'app', commandTimeoutMs: 20_000 });
});

describe('a call with several chunks', () => {
  test('stores, finds and removes every key', async () => {
    expect(await store.setMany(ENTRIES)).toEqual(KEYS.map(() => true));
    expect(await store.getMany(KEYS)).toEqual(ENTRIES.map(({ value }) => value));
    expect(await store.hasMany([...KEYS, 'none'])).toEqual([...KEYS.map(() => true), false]);
    expect(await store.deleteMany(['none', ...KEYS])).toEqual([false, ...KEYS.map(() => true)]);
    expect(await sharedRedis.keys('app:')).toEqual([]);
  });

  test('keeps the later of two entries with the same key in different chunks', async () => {
    await store.setMany([...ENTRIES, { key: 'key-7', value: 'later' }]);
    expect(await store.get('key-7')).toBe('later');
  });

  test('yields to the event loop between chunks, also before it sends the first chunk', async () => {
    await store.connect();
    let turns = 0;
    let turnsBeforeSending: number | undefined;
    let hasEnded = false;
    for (const client of new Set(KEYS.slice(0, 100).map((key) => store.locate(key).client))) {
      interceptCommands(client, (args, send) => {
        turnsBeforeSending ??= turns;
        return send(args);
      });
    }
    const count = () => {
      turns += 1;
      if (!hasEnded) setImmediate(count);
    };
    setImmediate(count);
    await store.setMany(ENTRIES);
    hasEnded = true;
    expect(turnsBeforeSending).toBeGreaterThanOrEqual(KEYS.length / 1000 - 1);
    expect(turns).toBeGreaterThanOrEqual((2 * KEYS.length) / 1000 - 1);
  });

  test('uses the namespace at the time of the call', async () => {
    const stored = store.setMany(ENTRIES);
    store.namespace = 'app-later';
    await stored;
    expect(await sharedRedis.keys('app-later:')).toEqual([]);
    expect(await sharedRedis.keys('app:')).toHaveLength(KEYS.length);
  });

  test('uses the entries at the time of the call, even if the caller changes the array', async () => {
    const mutable = [...ENTRIES];
    const stored = store.setMany(mutable);
    mutable.fill({ key: 'other', value: 'other' });
    await stored;
    expect(await store.getMany(KEYS)).toEqual(ENTRIES.map(({ value }) => value));
    expect(await store.has('other')).toBe(false);
  });

  test('sends nothing if its last key or value is invalid', async () => {
    const badKeys = [...KEYS, null as never];
    const refused = { code: 'DREDIS_INVALID_ARGUMENT' };
    await expect(store.setMany(badKeys.map((key) => ({ key, value: 'v' })))).rejects.toMatchObject(refused);
    await expect(store.setMany([...ENTRIES, { key: 'k', value: {} }])).rejects.toMatchObject(refused);
    expect(await sharedRedis.keys('app:')).toEqual([]);
    await store.set('key-0', 'value');
    for (const call of [store.getMany(badKeys), store.hasMany(badKeys), store.deleteMany(badKeys)]) {
      await expect(call).rejects.toMatchObject(refused);
    }
    expect(await store.get('key-0')).toBe('value');
  });

  test('does not overtake a read in the same tick', async () => {
    await store.set('key-4999', 'before');
    const read = store.get('key-4999');
    const written = store.setMany(ENTRIES);
    expect(await read).toBe('before');
    await written;
    expect(await store.get('key-4999')).toBe('value of key-4999');
  });
});
