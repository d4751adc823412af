import { expect, test } from '@jest/globals';
import KeyvRedis from '@keyv/redis';
import {
  type AnyKeyv,
  MAJORS,
  type Major,
  onCleanUp,
  openKeyv,
  openStore,
  sharedLocations,
  sharedRedis,
  useSharedDatabase,
} from '../support/index.js';

// Keys and TTLs that Keyv's types forbid, but Keyv passes on. The same calls with @keyv/redis are the
// reference.

const STORES: [title: string, open: (major: Major) => AnyKeyv][] = [
  [
    '@keyv/redis',
    (major) => {
      const store = new KeyvRedis(`redis://${sharedLocations()[0]}/${useSharedDatabase()}`);
      onCleanUp(() => store.disconnect());
      return openKeyv(major, { namespace: 'app' }, store as never);
    },
  ],
  ['DRedisStore', (major) => openKeyv(major, { namespace: 'app' })],
];

test.each(STORES)('numbers as keys under Keyv 6 and %s count as their text', async (_title, open) => {
  const keyv = open(6);
  const [five, six, seven, eight] = [5, 6, 7.5, -8] as unknown as [string, string, string, string];
  expect(await keyv.set(five, 'five')).toBe(true);
  expect([await keyv.get(five), await keyv.get('5')]).toEqual(['five', 'five']);
  expect([await keyv.has(five), await keyv.has('5'), await keyv.has(six)]).toEqual([true, true, false]);
  expect(
    await keyv.setMany([
      { key: six, value: 6 },
      { key: seven, value: 7.5 },
      { key: eight, value: -8 },
    ]),
  ).toEqual([true, true, true]);
  expect(await keyv.getMany([five, six, '7.5', eight])).toEqual(['five', 6, 7.5, -8]);
  expect(await keyv.hasMany([five, six, '-8', '9'])).toEqual([true, true, true, false]);
  const keys: string[] = [];
  for await (const [key] of keyv.iterator()) keys.push(key);
  expect(keys.sort()).toEqual(['-8', '5', '6', '7.5']);
  expect(await keyv.delete(five)).toBe(true);
  expect(await keyv.deleteMany([six, '7.5', eight])).toEqual([true, true, true]);
  expect(await keyv.has('5')).toBe(false);
});

test.each(STORES)('a TTL of "60000" under Keyv 5 and %s is 60,000 ms', async (title, open) => {
  const keyv = open(5);
  const ttl = '60000' as never;
  expect(await keyv.set('text', 'value', ttl)).toBe(true);
  await keyv.setMany([{ key: 'many', value: 'value', ttl }]);
  expect(await keyv.getMany(['text', 'many'])).toEqual(['value', 'value']);
  const keys = await sharedRedis.keys();
  expect(keys).toHaveLength(2);
  for (const key of title === 'DRedisStore' ? keys : []) {
    const left = await sharedRedis.ttlMs(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  }
});

test('without Keyv, a number as a raw key counts as its text', async () => {
  const store = openStore({ keyFormat: 'raw', ownsDatabase: true });
  expect(await store.set(5 as never, 'five')).toBe(true);
  expect(await store.get('5')).toBe('five');
  expect(await sharedRedis.keys()).toEqual(['5']);
  expect(store.locate(5 as never)).toMatchObject({ key: '5' });
});

test.each(MAJORS)('a number as a key under %s without a prefix counts as its text', async (_title, major) => {
  const keyv = openKeyv(major, { namespace: 'app', useKeyPrefix: false }, openStore({ useKeyPrefix: false }));
  expect(await keyv.set(5 as never, 'five')).toBe(true);
  expect(await keyv.get(5 as never)).toBe('five');
  expect(await sharedRedis.keys()).toEqual(['app:5']);
});
