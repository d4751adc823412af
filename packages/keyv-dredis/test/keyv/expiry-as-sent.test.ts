import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, MAJORS, type Major, makeKeyv } from '../support/keyvs.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';

// The number after PX. What Redis has left of it a moment later cannot tell a millisecond rounded up from one
// rounded down, so here the clock of this process stands still, and the command is seen as it is sent.

const NAMESPACE = 'expiry-as-sent';
const NOW = 1_800_000_000_000;

let store: DRedisStore;
let sent: string[][];
let clock: jest.SpiedFunction<typeof Date.now>;

beforeEach(async () => {
  sent = [];
  store = new DRedisStore(sharedLocations()[0], { namespace: NAMESPACE });
  await store.connect();
  const { client } = store.locate('any');
  const send = client.sendCommand.bind(client);
  client.sendCommand = ((args: string[], options: never) => {
    sent.push(args);
    return send(args, options);
  }) as never;
  clock = jest.spyOn(Date, 'now').mockReturnValue(NOW);
});

afterEach(async () => {
  clock.mockRestore();
  await store.disconnect();
  await using redis = await PlainServers.connect(sharedLocations());
  await redis.remove(NAMESPACE);
});

const open = (major: Major): AnyKeyv => makeKeyv(major, store, { namespace: NAMESPACE });

/** What stands after the value in each SET; `gone` for a key that is removed instead. */
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
    const keyv = open(major);
    await keyv.set('key', 'value', ttl);
    // With one that expires beside it, a setMany is one SET per entry.
    const entry = { key: 'many', value: 'value', ...(ttl === undefined ? {} : { ttl }) };
    await keyv.setMany([entry, { key: 'other', value: 'value', ttl: 1000 }]);
    expect(expiriesSent()).toEqual([expected, expected, 'PX 1000']);
  });

  test('the ttl of Keyv itself', async () => {
    const keyv = makeKeyv(major, store, { namespace: NAMESPACE, ttl: 1500.5 });
    await keyv.set('key', 'value');
    await keyv.set('key', 'value', 20);
    await keyv.setMany([{ key: 'many', value: 'value' }]);
    expect(expiriesSent()).toEqual(['PX 1501', 'PX 20', 'PX 1501']);
  });
});

test.each([-0.25, -1, -60_000])('under Keyv 5 a ttl of %p removes the key', async (ttl) => {
  const keyv = open(5);
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
  [60_000, 'gone'],
  [0, 'gone'],
  [-1, 'gone'],
  [Number.NaN, ''],
  [Number.POSITIVE_INFINITY, ''],
  [undefined, ''],
])('without Keyv, %p is a time since the epoch and is sent as %j', async (expires, expected) => {
  expect(await store.set('key', 'value', expires)).toBe(true);
  const other = { key: 'other', value: 'value', expires: NOW + 1000 };
  expect(await store.setMany([{ key: 'many', value: 'value', expires }, other])).toEqual([true, true]);
  expect(expiriesSent()).toEqual([expected, expected, 'PX 1000']);
});
