import { describe, expect, test } from '@jest/globals';
import type { Keyv as Keyv6 } from 'keyv';
import { MAJORS, NAMESPACES, openKeyv } from '../support/index.js';

/** Enough keys that every server owns some of them. */
const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);

describe.each(MAJORS)('has() and hasMany() under %s', (_major, major) => {
  test.each(NAMESPACES)('with %s resolve to one boolean per key, in key order', async (_title, namespace) => {
    const keyv = openKeyv(major, { namespace });
    await keyv.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
    const keys = KEYS.flatMap((key) => [`no ${key}`, key, key]);
    expect(await keyv.hasMany(keys)).toEqual(keys.map((key) => !key.startsWith('no')));
    expect([await keyv.has('key-7'), await keyv.has('none')]).toEqual([true, false]);
  });
});

test('under Keyv 6 with checkExpired: false, has() and hasMany() ask the store', async () => {
  const keyv = openKeyv(6, { namespace: 'app', checkExpired: false }) as unknown as Keyv6;
  await keyv.set('key', 'value');
  expect(await keyv.has('key')).toBe(true);
  expect(await keyv.hasMany(['none', 'key', 'key'])).toEqual([false, true, true]);
  expect(await keyv.get('key')).toBe('value');
});
