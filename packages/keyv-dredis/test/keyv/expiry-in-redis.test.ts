import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Keyv as Keyv6 } from 'keyv';
import type { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, MAJORS, workbench } from '../support/keyvs.js';

// What comes of an expiry in Redis itself, to the millisecond. The table of what a number means, for
// either Keyv, is in expiry.test.ts.

const bench = workbench(8);
const { openStore, openKeyv } = bench;

const NEVER = -1;
const GONE = -2;

const ttlOf = (key: string) => bench.redis.ttlMs(`contract:${key}`);

/** Sees to it that a key lives for a time, however slow the machine is: not a millisecond less, or two more. */
async function expectToLive(key: string, ms: number, call: () => Promise<unknown>): Promise<void> {
  const before = Date.now();
  await call();
  const left = await ttlOf(key);
  const end = Date.now();
  expect(left).toBeLessThanOrEqual(Math.ceil(ms) + 1);
  expect(end + left).toBeGreaterThanOrEqual(before + ms);
}

describe.each(MAJORS)('under %s', (_title, major) => {
  let store: DRedisStore;
  let keyv: AnyKeyv;

  beforeEach(() => {
    store = openStore();
    keyv = openKeyv(major, { namespace: 'contract' }, store);
  });

  test.each([60_000, 60_000.4, 59_999.000_1, 2 ** 40])('a ttl of %p', async (ttl) => {
    await expectToLive('key', ttl, async () => expect(await keyv.set('key', 'value', ttl)).toBe(true));
    await expectToLive('many', ttl, async () =>
      expect(await keyv.setMany([{ key: 'many', value: 'value', ttl }])).toEqual([true]),
    );
  });

  test.each([0.4, 0.000_001])('a ttl of %p is a millisecond, and no error', async (ttl) => {
    expect(await keyv.set('key', 'value', ttl)).toBe(true);
    expect(await keyv.setMany([{ key: 'many', value: 'value', ttl }])).toEqual([true]);
    await setTimeout(5);
    expect([await ttlOf('key'), await ttlOf('many')]).toEqual([GONE, GONE]);
  });

  // Both Keyvs take 0 for none themselves.
  test.each([undefined, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300])(
    'a ttl of %p is none, and takes an earlier one away',
    async (ttl) => {
      await keyv.set('key', 'old', 60_000);
      expect(await keyv.set('key', 'value', ttl)).toBe(true);
      const entries = [{ key: 'many', value: 'value', ...(ttl === undefined ? {} : { ttl }) }];
      expect(await keyv.setMany(entries)).toEqual([true]);
      expect([await ttlOf('key'), await ttlOf('many')]).toEqual([NEVER, NEVER]);
    },
  );

  test('the ttl of Keyv itself holds where a call has none', async () => {
    const lasting = openKeyv(major, { namespace: 'contract', ttl: 60_000 });
    await expectToLive('key', 60_000, () => lasting.set('key', 'value'));
    await expectToLive('many', 60_000, () => lasting.setMany([{ key: 'many', value: 1 }]));
    await expectToLive('own', 5000, () => lasting.set('own', 'value', 5000));
  });

  test('setMany gives each entry its own', async () => {
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

  test('a key is gone in Redis when its time has come, though nobody asks for it', async () => {
    await keyv.set('key', 'value', 20);
    await setTimeout(30);
    expect(await bench.redis.keys('contract')).toEqual([]);
  });
});

describe('a time that has come: the key is gone, and the call succeeded', () => {
  const longAgo = [-1, -0.4, -60_000, -1e300];

  test.each(longAgo)('under Keyv 5, a ttl of %p', async (ttl) => {
    const keyv = openKeyv(5, { namespace: 'contract' });
    await keyv.setMany(['key', 'many', 'other'].map((key) => ({ key, value: 'old' })));
    expect(await keyv.set('key', 'new', ttl)).toBe(true);
    const entries = [
      { key: 'many', value: 'new', ttl },
      { key: 'other', value: 'new' },
    ];
    expect(await keyv.setMany(entries)).toEqual([true, true]);
    expect(await bench.redis.keys('contract')).toEqual(['contract:other']);
  });

  test.each([0, -1, -60_000])('under Keyv 6, setRaw of %p ms after now', async (after) => {
    const keyv = openKeyv(6, { namespace: 'contract' }) as unknown as Keyv6;
    await keyv.set('key', 'old');
    await keyv.set('many', 'old');
    const raw = () => ({ value: 'new', expires: Date.now() + after });
    expect(await keyv.setRaw('key', raw())).toBe(true);
    expect(await keyv.setManyRaw([{ key: 'many', value: raw() }])).toEqual([true]);
    expect(await bench.redis.keys('contract')).toEqual([]);
  });

  test('without Keyv', async () => {
    const store = openStore({ namespace: 'contract' });
    await store.set('key', 'old');
    expect(await store.set('key', 'new', Date.now())).toBe(true);
    expect(await store.set('many', 'new', 0)).toBe(true);
    expect(await bench.redis.keys('contract')).toEqual([]);
  });

  test('of two entries with one key the later one decides', async () => {
    const store = openStore({ namespace: 'contract' });
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
});

test('without Keyv, an expiry is a time since the epoch', async () => {
  const store = openStore({ namespace: 'contract' });
  const expires = Date.now() + 60_000;
  await store.set('key', 'value', expires + 0.5);
  await store.setMany([{ key: 'many', value: 'value', expires }]);
  for (const key of ['key', 'many']) {
    const left = await ttlOf(key);
    expect(left).toBeLessThanOrEqual(60_001);
    expect(Date.now() + left).toBeGreaterThanOrEqual(expires);
  }
});
