import { expect, test } from '@jest/globals';
import { MAJORS, openKeyv, sharedRedis } from '../support/index.js';

/** Enough keys that every server owns some of them. */
const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const ENTRIES = KEYS.map((key) => ({ key, value: 1 }));

test.each(MAJORS)('delete() under %s resolves to whether the key existed', async (_title, major) => {
  const keyv = openKeyv(major, { namespace: 'app' });
  await keyv.set('key', 1);
  expect([await keyv.delete('key'), await keyv.delete('key')]).toEqual([true, false]);
});

test('deleteMany() under Keyv 6 resolves to a boolean per key, true only for the first duplicate', async () => {
  const keyv = openKeyv(6, { namespace: 'app' });
  await keyv.setMany(ENTRIES);
  const keys = ['none', ...KEYS.toReversed(), 'key-7'];
  expect(await keyv.deleteMany(keys)).toEqual([false, ...KEYS.map(() => true), false]);
  expect(await sharedRedis.keys('app')).toEqual([]);
});

test('deleteMany() under Keyv 5 resolves to one boolean that says whether all keys existed', async () => {
  const keyv = openKeyv(5, { namespace: 'app' });
  await keyv.setMany(ENTRIES);
  expect(await keyv.deleteMany(KEYS)).toBe(true);
  expect(await sharedRedis.keys('app')).toEqual([]);
  await keyv.setMany(ENTRIES);
  expect(await keyv.deleteMany(['none', ...KEYS])).toBe(false);
  expect(await sharedRedis.keys('app')).toEqual([]);
  expect(await keyv.deleteMany(KEYS)).toBe(false);
  expect(await keyv.deleteMany([])).toBe(true);
});
