import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Keyv as Keyv6 } from 'keyv';
import { DRedisStore } from '../../src/index.js';
import { makeKeyv } from '../support/keyvs.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';
import { errorsOf, rejection } from '../support/stores.js';

// What no server could carry is refused before anything is sent, also where the rest of a call is good.

const NAMESPACE = 'refused-arguments';

let redis: PlainServers;
let store: DRedisStore;

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
});

afterAll(() => redis?.close());

beforeEach(async () => {
  store = new DRedisStore(sharedLocations(), { namespace: NAMESPACE });
  await store.set('kept', 'value');
});

afterEach(async () => {
  // Nothing came in, and nothing went.
  const left = await redis.keys(NAMESPACE);
  await store.disconnect();
  await redis.remove(NAMESPACE);
  expect(left).toEqual([`${NAMESPACE}:kept`]);
});

const REFUSED = { name: 'InvalidArgumentError', code: 'DREDIS_INVALID_ARGUMENT' };

const NO_KEYS: [title: string, key: unknown, message: string | RegExp][] = [
  ['a number', 5, 'A key must be a string, got number'],
  ['undefined', undefined, 'A key must be a string, got undefined'],
  ['null', null, 'A key must be a string, got null'],
  ['a symbol', Symbol('key'), 'A key must be a string, got symbol'],
  ['an object', { toString: () => 'kept' }, 'A key must be a string, got object'],
  ['a Buffer', Buffer.from('kept'), 'A key must be a string, got object'],
  ['an array', ['kept'], 'A key must be a string, got object'],
  ['a lone surrogate', 'a\udc00', /lone surrogate/],
  ['half of a pair', '💩'.slice(0, 1), /lone surrogate/],
];

describe.each(NO_KEYS)('%s is no key', (_title, key, message) => {
  const refused = (promise: Promise<unknown>) =>
    expect(rejection(promise)).resolves.toMatchObject({
      ...REFUSED,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });

  test('for no method of the store, and each rejects', async () => {
    const bad = key as string;
    const told = errorsOf(store);
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
    expect(told).toEqual([]);
  });

  test('among good ones of the same turn fails alone', async () => {
    const [before, bad, after] = await Promise.allSettled([
      store.get('kept'),
      store.get(key as string),
      store.get('kept'),
    ]);
    expect([before, after]).toEqual(Array(2).fill({ status: 'fulfilled', value: 'value' }));
    expect(bad).toMatchObject({ status: 'rejected', reason: REFUSED });
  });
});

// To Keyv 6 an array is a call over many keys, and it stumbles itself over a list with no key at all in it.
const PASSED_ON = NO_KEYS.filter(([, key]) => key !== undefined && key !== null && !Array.isArray(key));

test.each(PASSED_ON)(
  '%s is no key under Keyv 6: a miss or a failure, and one error each',
  async (_title, key) => {
    const keyv = makeKeyv(6, store, { namespace: NAMESPACE }) as unknown as Keyv6;
    const told: unknown[] = [];
    keyv.on('error', (error: unknown) => told.push((error as { code?: string }).code));
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
    expect(told).toEqual(Array(7).fill('DREDIS_INVALID_ARGUMENT'));
  },
);

describe('what is no value, or no expiry', () => {
  const NO_VALUES: unknown[] = [undefined, null, 5, true, {}, [], Symbol('value'), '\ud800', new Date()];

  test.each(NO_VALUES.map((value) => [String(value), value]))('the value %j', async (_title, value) => {
    expect(await rejection(store.set('new', value))).toMatchObject(REFUSED);
    const entries = [
      { key: 'good', value: 'value' },
      { key: 'new', value },
    ];
    expect(await rejection(store.setMany(entries))).toMatchObject(REFUSED);
  });

  test.each(['60000', true, new Date(), 5n, {}])('the expiry %p', async (expires) => {
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
