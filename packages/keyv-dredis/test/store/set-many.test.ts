import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type AnyKeyv,
  errorsOf,
  MAJORS,
  NAMESPACES,
  openKeyv,
  openStore,
  sharedRedis,
} from '../support/index.js';

/** Enough keys that every server owns some of them. */
const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);

const MINUTE = 60_000;
const HOUR = 3_600_000;

describe.each(MAJORS)('setMany() under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace) => {
    let keyv: AnyKeyv;

    beforeEach(() => {
      keyv = openKeyv(major, { namespace });
    });

    test('resolves to one boolean per entry and writes to every server', async () => {
      const entries = KEYS.map((key) => ({ key, value: `value of ${key}` }));
      expect(await keyv.setMany(entries)).toEqual(KEYS.map(() => true));
      for (const keys of await sharedRedis.keysByServer()) expect(keys.length).toBeGreaterThan(0);
    });

    test('accepts entries with and without expiries in one call', async () => {
      const entries = KEYS.map((key, index) =>
        index % 2 ? { key, value: index } : { key, value: index, ttl: MINUTE },
      );
      expect(await keyv.setMany(entries)).toEqual(KEYS.map(() => true));
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((_, index) => index));
    });

    test.each([
      ['without expiries', undefined],
      ['with expiries', MINUTE],
    ])('keeps the later of two values with the same key, %s', async (_how, ttl) => {
      const entries = [...KEYS, ...KEYS].map((key, index) => ({
        key,
        value: index,
        ...(ttl === undefined ? {} : { ttl }),
      }));
      expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((_, index) => index + KEYS.length));
    });
  });

  test.each<[title: string, ttls: (number | undefined)[], left: [from: number, to: number]]>([
    ['none after a minute', [MINUTE, undefined], [-1, -1]],
    ['a minute after none', [undefined, MINUTE], [MINUTE - 10_000, MINUTE + 1]],
    ['an hour after a minute', [MINUTE, HOUR], [HOUR - 10_000, HOUR + 1]],
    ['a minute after an hour and none', [HOUR, undefined, MINUTE], [MINUTE - 10_000, MINUTE + 1]],
    ['none after none', [undefined, undefined], [-1, -1]],
  ])("applies the expiry of a key's last entry: %s", async (_order, ttls, [from, to]) => {
    const store = openStore();
    const keyv = openKeyv(major, { namespace: 'app' }, store);
    const errors = errorsOf(store);
    const optional = (ttl: number | undefined) => (ttl === undefined ? {} : { ttl });
    // Every server owns some keys. Between two entries of a key, there are other keys' entries.
    const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
    const entries = ttls.flatMap((ttl, turn) => keys.map((key) => ({ key, value: turn, ...optional(ttl) })));
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
    expect(await keyv.getMany(keys)).toEqual(keys.map(() => ttls.length - 1));
    for (const key of keys) {
      const left = await sharedRedis.ttlMs(`app:${key}`);
      expect(left).toBeGreaterThanOrEqual(from);
      expect(left).toBeLessThanOrEqual(to);
    }
    expect(errors).toEqual([]);
  });
});

test("under Keyv 5, a negative ttl in setMany() removes the key only in the key's last entry", async () => {
  const keyv = openKeyv(5, { namespace: 'app' });
  await keyv.set('gone', 'old');
  const entries = [
    { key: 'gone', value: 1, ttl: MINUTE },
    { key: 'there', value: 1, ttl: -1 },
    { key: 'gone', value: 2, ttl: -1 },
    { key: 'there', value: 2, ttl: MINUTE },
  ];
  expect(await keyv.setMany(entries)).toEqual([true, true, true, true]);
  expect(await keyv.getMany(['gone', 'there'])).toEqual([undefined, 2]);
  expect(await sharedRedis.keys('app')).toEqual(['app:there']);
});

test("without Keyv, a past expiry in setMany() removes the key only in the key's last entry", async () => {
  const store = openStore({ namespace: 'app' });
  const past = Date.now() - 1;
  const entries = [
    { key: 'gone', value: 'first' },
    { key: 'gone', value: 'second', expires: past },
    { key: 'there', value: 'first', expires: past },
    { key: 'there', value: 'second' },
  ];
  expect(await store.setMany(entries)).toEqual([true, true, true, true]);
  expect(await store.getMany(['gone', 'there'])).toEqual([undefined, 'second']);
});
