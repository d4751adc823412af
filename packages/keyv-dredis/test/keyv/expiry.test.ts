import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Keyv as Keyv6 } from 'keyv';
import type { DRedisStore } from '../../src/index.js';
import {
  type AnyKeyv,
  MAJORS,
  openKeyv,
  openStore,
  openStoreOver,
  recordCommands,
  rejection,
  sharedLocations,
  sharedRedis,
  takeErrorCodes,
  useSharedDatabase,
} from '../support/index.js';

// expiry.unit.test.ts has a table of what each number means under Keyv 5 and under Keyv 6.

const NEVER = -1;
const GONE = -2;

const ttlOf = (key: string) => sharedRedis.ttlMs(`app:${key}`);

/** Checks that a key expires on time or at most two milliseconds late. Works on slow machines, too. */
async function expectToLive(key: string, ms: number, call: () => Promise<unknown>): Promise<void> {
  const before = Date.now();
  await call();
  const left = await ttlOf(key);
  const end = Date.now();
  expect(left).toBeLessThanOrEqual(Math.ceil(ms) + 1);
  expect(end + left).toBeGreaterThanOrEqual(before + ms);
}

describe.each(MAJORS)('expiry in Redis under %s', (_title, major) => {
  let store: DRedisStore;
  let keyv: AnyKeyv;

  beforeEach(() => {
    store = openStore();
    keyv = openKeyv(major, { namespace: 'app' }, store);
  });

  test.each([60_000, 60_000.4, 59_999.000_1, 2 ** 40])(
    'a ttl of %p makes set() and setMany() store a key for that long',
    async (ttl) => {
      await expectToLive('key', ttl, async () => expect(await keyv.set('key', 'value', ttl)).toBe(true));
      await expectToLive('many', ttl, async () =>
        expect(await keyv.setMany([{ key: 'many', value: 'value', ttl }])).toEqual([true]),
      );
    },
  );

  test.each([0.4, 0.000_001])(
    'a ttl of %p is rounded up to one millisecond, without an error',
    async (ttl) => {
      expect(await keyv.set('key', 'value', ttl)).toBe(true);
      expect(await keyv.setMany([{ key: 'many', value: 'value', ttl }])).toEqual([true]);
      await setTimeout(5);
      expect([await ttlOf('key'), await ttlOf('many')]).toEqual([GONE, GONE]);
    },
  );

  // Both major versions of Keyv treat 0 as no ttl.
  test.each([undefined, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300])(
    'a ttl of %p means no expiry and removes an earlier one',
    async (ttl) => {
      await keyv.set('key', 'old', 60_000);
      expect(await keyv.set('key', 'value', ttl)).toBe(true);
      const entries = [{ key: 'many', value: 'value', ...(ttl === undefined ? {} : { ttl }) }];
      expect(await keyv.setMany(entries)).toEqual([true]);
      expect([await ttlOf('key'), await ttlOf('many')]).toEqual([NEVER, NEVER]);
    },
  );

  test("Keyv's own ttl option applies to calls without a ttl", async () => {
    const lasting = openKeyv(major, { namespace: 'app', ttl: 60_000 });
    await expectToLive('key', 60_000, () => lasting.set('key', 'value'));
    await expectToLive('many', 60_000, () => lasting.setMany([{ key: 'many', value: 1 }]));
    await expectToLive('own', 5000, () => lasting.set('own', 'value', 5000));
  });

  test('setMany() gives each entry its own ttl', async () => {
    const entries = [
      { key: 'minute', value: 1, ttl: 60_000 },
      { key: 'never', value: 2 },
      { key: 'hour', value: 3, ttl: 3_600_000 },
    ];
    await expectToLive('minute', 60_000, async () =>
      expect(await keyv.setMany(entries)).toEqual([true, true, true]),
    );
    expect(await ttlOf('never')).toBe(NEVER);
    expect(await ttlOf('hour')).toBeGreaterThan(3_500_000);
  });

  test('Redis removes an expired key even if it is never read', async () => {
    await keyv.set('key', 'value', 20);
    await setTimeout(30);
    expect(await sharedRedis.keys('app')).toEqual([]);
  });
});

describe('an expiry in the past removes the key, and the call succeeds', () => {
  test.each([-1, -0.4, -60_000, -1e300])('under Keyv 5, a ttl of %p', async (ttl) => {
    const keyv = openKeyv(5, { namespace: 'app' });
    await keyv.setMany(['key', 'many', 'other'].map((key) => ({ key, value: 'old' })));
    expect(await keyv.set('key', 'new', ttl)).toBe(true);
    const entries = [
      { key: 'many', value: 'new', ttl },
      { key: 'other', value: 'new' },
    ];
    expect(await keyv.setMany(entries)).toEqual([true, true]);
    expect(await sharedRedis.keys('app')).toEqual(['app:other']);
  });

  test.each([0, -1, -60_000])('under Keyv 6, setRaw() with expires %p ms from now', async (after) => {
    const keyv = openKeyv(6, { namespace: 'app' }) as unknown as Keyv6;
    await keyv.set('key', 'old');
    await keyv.set('many', 'old');
    const raw = () => ({ value: 'new', expires: Date.now() + after });
    expect(await keyv.setRaw('key', raw())).toBe(true);
    expect(await keyv.setManyRaw([{ key: 'many', value: raw() }])).toEqual([true]);
    expect(await sharedRedis.keys('app')).toEqual([]);
  });

  test('without Keyv, an expiry of now or of 0', async () => {
    const store = openStore({ namespace: 'app' });
    await store.set('key', 'old');
    expect(await store.set('key', 'new', Date.now())).toBe(true);
    expect(await store.set('many', 'new', 0)).toBe(true);
    expect(await sharedRedis.keys('app')).toEqual([]);
  });
});

// Regression: set(key, value, 5000) took 5000 for a time in 1970, removed the key, and answered true.
test('without Keyv, a duration in place of a time is refused, and the key keeps its value', async () => {
  const store = openStore({ namespace: 'app' });
  await store.set('key', 'old');
  const refused = {
    code: 'DREDIS_INVALID_ARGUMENT',
    message: expect.stringContaining('pass Date.now() + 5000'),
  };
  expect(await rejection(store.set('key', 'new', 5000))).toMatchObject(refused);
  const entries = [
    { key: 'other', value: 'new' },
    { key: 'key', value: 'new', expires: 5000 },
  ];
  expect(await rejection(store.setMany(entries))).toMatchObject(refused);
  expect(await store.getMany(['key', 'other'])).toEqual(['old', undefined]);
});

test("under Keyv 6, setRaw() refuses a duration as 'expires', and emits one error", async () => {
  const keyv = openKeyv(6, { namespace: 'app' }) as unknown as Keyv6;
  await keyv.set('key', 'old');
  expect(await keyv.setRaw('key', { value: 'new', expires: 5000 })).toBe(false);
  expect(takeErrorCodes()).toEqual(['DREDIS_INVALID_ARGUMENT']);
  expect(await keyv.get('key')).toBe('old');
});

test('without Keyv, an expiry is a time since the epoch', async () => {
  const store = openStore({ namespace: 'app' });
  const expires = Date.now() + 60_000;
  await store.set('key', 'value', expires + 0.5);
  await store.setMany([{ key: 'many', value: 'value', expires }]);
  for (const key of ['key', 'many']) {
    const left = await ttlOf(key);
    expect(left).toBeLessThanOrEqual(60_001);
    expect(Date.now() + left).toBeGreaterThanOrEqual(expires);
  }
});

// PTTL cannot show whether a fraction of a millisecond was rounded up or down, because time passes before
// PTTL runs. So these tests stop this process's clock and check the commands that the store sends.
describe('the expiry that is sent to Redis:', () => {
  const NOW = 1_800_000_000_000;

  let store: DRedisStore;
  let sent: string[][];

  beforeEach(async () => {
    const [location] = sharedLocations() as [string];
    store = openStoreOver(location, { database: useSharedDatabase(), namespace: 'app' });
    await store.connect();
    sent = recordCommands(store.locate('any').client);
    jest.spyOn(Date, 'now').mockReturnValue(NOW);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** The arguments after the value in each SET command, or `gone` if the key is removed instead. */
  const expiriesSent = () =>
    sent.map(([command, , , ...expiry]) => (command === 'UNLINK' ? 'gone' : expiry.join(' ')));

  describe.each(MAJORS)('under %s', (_title, major) => {
    test.each([
      [1, 'PX 1'],
      [60_000, 'PX 60000'],
      [60_000.25, 'PX 60001'],
      [59_999.75, 'PX 60000'],
      [0.25, 'PX 1'],
      [2 ** 40, 'PX 1099511627776'],
      [Number.NaN, ''],
      [Number.POSITIVE_INFINITY, ''],
      [0, ''],
      [undefined, ''],
    ])('a ttl of %p is sent as %j', async (ttl, expected) => {
      const keyv = openKeyv(major, { namespace: 'app' }, store);
      await keyv.set('key', 'value', ttl);
      // The second entry expires, so setMany() sends one SET per entry instead of one MSET.
      const entry = { key: 'many', value: 'value', ...(ttl === undefined ? {} : { ttl }) };
      await keyv.setMany([entry, { key: 'other', value: 'value', ttl: 1000 }]);
      expect(expiriesSent()).toEqual([expected, expected, 'PX 1000']);
    });

    test("Keyv's own ttl option is rounded up, and a call's ttl overrides it", async () => {
      const keyv = openKeyv(major, { namespace: 'app', ttl: 1500.5 }, store);
      await keyv.set('key', 'value');
      await keyv.set('key', 'value', 20);
      await keyv.setMany([{ key: 'many', value: 'value' }]);
      expect(expiriesSent()).toEqual(['PX 1501', 'PX 20', 'PX 1501']);
    });
  });

  test.each([-0.25, -1, -60_000])('under Keyv 5, a ttl of %p sends UNLINK', async (ttl) => {
    const keyv = openKeyv(5, { namespace: 'app' }, store);
    expect(await keyv.set('key', 'value', ttl)).toBe(true);
    expect(await keyv.setMany([{ key: 'many', value: 'value', ttl }])).toEqual([true]);
    expect(expiriesSent()).toEqual(['gone', 'gone']);
  });

  test.each([
    [NOW + 1, 'PX 1'],
    [NOW + 0.25, 'PX 1'],
    [NOW + 60_000.5, 'PX 60001'],
    [NOW, 'gone'],
    [NOW - 0.25, 'gone'],
    [0, 'gone'],
    [-1, 'gone'],
    [Number.NaN, ''],
    [Number.POSITIVE_INFINITY, ''],
    [undefined, ''],
  ])('without Keyv, expires %p is sent as %j', async (expires, expected) => {
    expect(await store.set('key', 'value', expires)).toBe(true);
    const other = { key: 'other', value: 'value', expires: NOW + 1000 };
    expect(await store.setMany([{ key: 'many', value: 'value', expires }, other])).toEqual([true, true]);
    expect(expiriesSent()).toEqual([expected, expected, 'PX 1000']);
  });
});
