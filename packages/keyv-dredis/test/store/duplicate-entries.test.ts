import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, MAJORS, makeKeyv } from '../support/keyvs.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';
import { errorsOf } from '../support/stores.js';

// Of two entries with one key in one setMany the later one stays, and so does its expiry or that it has none.

const NAMESPACE = 'duplicate-entries';

let redis: PlainServers;
let store: DRedisStore;
let keyv: AnyKeyv;

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
});

afterAll(() => redis?.close());

afterEach(async () => {
  await store.disconnect();
  await redis.remove(NAMESPACE);
});

const MINUTE = 60_000;
const HOUR = 3_600_000;

describe.each(MAJORS)('under %s', (_title, major) => {
  beforeEach(() => {
    store = new DRedisStore(sharedLocations(), { namespace: NAMESPACE });
    keyv = makeKeyv(major, store, { namespace: NAMESPACE });
  });

  test.each<[title: string, ttls: (number | undefined)[], left: [from: number, to: number]]>([
    ['none after a minute', [MINUTE, undefined], [-1, -1]],
    ['a minute after none', [undefined, MINUTE], [MINUTE - 10_000, MINUTE + 1]],
    ['an hour after a minute', [MINUTE, HOUR], [HOUR - 10_000, HOUR + 1]],
    ['a minute after an hour and none', [HOUR, undefined, MINUTE], [MINUTE - 10_000, MINUTE + 1]],
    ['none after none', [undefined, undefined], [-1, -1]],
  ])('%s', async (_order, ttls, [from, to]) => {
    const told = errorsOf(store);
    const of = (ttl: number | undefined) => (ttl === undefined ? {} : { ttl });
    // On each server, between entries of other keys.
    const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`);
    const entries = ttls.flatMap((ttl, turn) => keys.map((key) => ({ key, value: turn, ...of(ttl) })));
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
    expect(await keyv.getMany(keys)).toEqual(keys.map(() => ttls.length - 1));
    for (const key of keys) {
      const left = await redis.ttlMs(`${NAMESPACE}:${key}`);
      expect(left).toBeGreaterThanOrEqual(from);
      expect(left).toBeLessThanOrEqual(to);
    }
    expect(told).toEqual([]);
  });
});

test('under Keyv 5 a negative ttl after a good one removes the key, and a good one after it sets it', async () => {
  store = new DRedisStore(sharedLocations(), { namespace: NAMESPACE });
  keyv = makeKeyv(5, store, { namespace: NAMESPACE });
  await keyv.set('gone', 'old');
  const entries = [
    { key: 'gone', value: 1, ttl: MINUTE },
    { key: 'there', value: 1, ttl: -1 },
    { key: 'gone', value: 2, ttl: -1 },
    { key: 'there', value: 2, ttl: MINUTE },
  ];
  expect(await keyv.setMany(entries)).toEqual([true, true, true, true]);
  expect(await keyv.getMany(['gone', 'there'])).toEqual([undefined, 2]);
  expect(await redis.keys(NAMESPACE)).toEqual([`${NAMESPACE}:there`]);
});
