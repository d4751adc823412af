import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Keyv as Keyv6 } from 'keyv';
import type { DRedisStore } from '../../src/index.js';
import {
  errorsOf,
  MAJORS,
  openKeyv,
  openStore,
  rejection,
  sharedRedis,
  takeErrorCodes,
} from '../support/index.js';

const REFUSED = { name: 'InvalidArgumentError', code: 'DREDIS_INVALID_ARGUMENT' };

const INVALID_KEYS: [title: string, key: unknown, message: string | RegExp][] = [
  ['a number that is not finite', Number.NaN, 'A key must be a string, got number'],
  ['undefined', undefined, 'A key must be a string, got undefined'],
  ['null', null, 'A key must be a string, got null'],
  ['a symbol', Symbol('key'), 'A key must be a string, got symbol'],
  ['an object', { toString: () => 'kept' }, 'A key must be a string, got object'],
  ['a Buffer', Buffer.from('kept'), 'A key must be a string, got object'],
  ['an array', ['kept'], 'A key must be a string, got object'],
  ['a lone surrogate', 'a\udc00', /lone surrogate/],
  ['half of a pair', '💩'.slice(0, 1), /lone surrogate/],
];

describe('invalid arguments are refused before anything is sent:', () => {
  let store: DRedisStore;

  beforeEach(async () => {
    store = openStore({ namespace: 'app' });
    await store.set('kept', 'value');
  });

  afterEach(async () => {
    expect(await sharedRedis.keys()).toEqual(['app:kept']);
  });

  describe.each(INVALID_KEYS)('%s as a key', (_title, key, message) => {
    const refused = (promise: Promise<unknown>) =>
      expect(rejection(promise)).resolves.toMatchObject({
        ...REFUSED,
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      });

    test('makes every method reject without emitting an error', async () => {
      const bad = key as string;
      const errors = errorsOf(store);
      await refused(store.get(bad));
      await refused(store.has(bad));
      await refused(store.set(bad, 'value'));
      await refused(store.delete(bad));
      await refused(store.getMany(['kept', bad]));
      await refused(store.hasMany(['kept', bad]));
      await refused(
        store.setMany([
          { key: 'new', value: 'value' },
          { key: bad, value: 'value' },
        ]),
      );
      await refused(store.deleteMany(['kept', bad]));
      expect(() => store.locate(bad)).toThrow(expect.objectContaining(REFUSED));
      expect(errors).toEqual([]);
    });

    test('makes only its own read fail in a batch with valid keys', async () => {
      const [before, bad, after] = await Promise.allSettled([
        store.get('kept'),
        store.get(key as string),
        store.get('kept'),
      ]);
      expect([before, after]).toEqual(Array(2).fill({ status: 'fulfilled', value: 'value' }));
      expect(bad).toMatchObject({ status: 'rejected', reason: REFUSED });
    });
  });

  // Keyv 6 treats an array as a list of keys. If the list contains no key, Keyv itself fails.
  const PASSED_ON = INVALID_KEYS.filter(
    ([, key]) => key !== undefined && key !== null && !Array.isArray(key),
  );

  test.each(PASSED_ON)(
    '%s as a key under Keyv 6 makes each call return a miss or a failure, and emit one error',
    async (_title, key) => {
      const keyv = openKeyv(6, { namespace: 'app' }, store) as unknown as Keyv6;
      const bad = key as string;
      expect(await keyv.get(bad)).toBeUndefined();
      expect(await keyv.has(bad)).toBe(false);
      expect(await keyv.set(bad, 'value')).toBe(false);
      expect(await keyv.delete(bad)).toBe(false);
      expect(await keyv.getMany(['kept', bad])).toEqual([undefined, undefined]);
      expect(
        await keyv.setMany([
          { key: 'new', value: 1 },
          { key: bad, value: 1 },
        ]),
      ).toEqual([false, false]);
      expect(await keyv.deleteMany(['kept', bad])).toEqual([false, false]);
      expect(takeErrorCodes()).toEqual(Array(7).fill('DREDIS_INVALID_ARGUMENT'));
    },
  );

  describe('without Keyv, set() and setMany() refuse', () => {
    const INVALID_VALUES: unknown[] = [
      undefined,
      null,
      5,
      true,
      {},
      [],
      Symbol('value'),
      '\ud800',
      new Date(0),
    ];

    test.each(INVALID_VALUES.map((value) => [inspect(value), value]))(
      'the value %s',
      async (_title, value) => {
        expect(await rejection(store.set('new', value))).toMatchObject(REFUSED);
        const entries = [
          { key: 'good', value: 'value' },
          { key: 'new', value },
        ];
        expect(await rejection(store.setMany(entries))).toMatchObject(REFUSED);
      },
    );

    test.each(['60000', true, new Date(0), 5n, {}, 5000, 1_700_000_000])('the expiry %p', async (expires) => {
      const expiry = expires as unknown as number;
      expect(await rejection(store.set('kept', 'new', expiry))).toMatchObject(REFUSED);
      const entries = [
        { key: 'good', value: 'value' },
        { key: 'new', value: 'value', expires: expiry },
      ];
      expect(await rejection(store.setMany(entries))).toMatchObject(REFUSED);
      expect(await store.get('kept')).toBe('value');
    });
  });

  test.each(
    MAJORS.flatMap(([title, major]) => ['\ud800', 'a\udc00'].map((key) => [key, title, major] as const)),
  )(
    'a lone surrogate (%j) as a key under %s makes each call return a miss or a failure, and emit one error',
    async (key, _title, major) => {
      const keyv = openKeyv(major, { namespace: 'app' }, store);
      expect(await keyv.set(key, 'value')).toBe(false);
      expect(await keyv.get(key)).toBeUndefined();
      expect(await keyv.delete(key)).toBe(false);
      expect(await keyv.setMany([{ key, value: 'value' }])).toEqual([false]);
      expect(takeErrorCodes()).toEqual(Array(4).fill('DREDIS_INVALID_ARGUMENT'));
    },
  );
});
