import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  connectPlain,
  DEADLINE_MS,
  keysOf,
  NO_DEADLINES,
  onCleanUp,
  openStoreOver,
  type PlainServers,
  startServers,
} from '../support/index.js';
import { type Link, pauseUntilDown, resumeUntilUp, startLink, stateOf } from '../support/outages.js';
import { StoreWithoutHints } from '../support/store-without-hints.js';

// A server still has its data when it returns from an outage. Values that were overwritten, deleted or
// cleared during the outage must not be read again.

const POLICIES = ['error', 'miss', 'failover'] as const;
const DEADLINES = { commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS };

let redis: RedisServers;
let plain: PlainServers;
let victim: RedisServer;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  plain = await connectPlain(redis.locations);
  victim = redis.servers[0] as RedisServer;
});

beforeEach(() => plain.flush());

const ignoreErrors = <S extends DRedisStore>(store: S) => store.on('error', () => undefined) as S;
const entriesFor = (keys: readonly string[], value: string) => keys.map((key) => ({ key, value }));

/** All operations that change keys. */
const CHANGES: readonly [string, (store: DRedisStore, keys: readonly string[]) => Promise<unknown>][] = [
  ['set', (store, keys) => Promise.allSettled(keys.map((key) => store.set(key, 'new')))],
  ['set with an expiry', (store, keys) => store.set(keys[0] as string, 'new', Date.now() + 600_000)],
  ['delete', (store, keys) => Promise.allSettled(keys.map((key) => store.delete(key)))],
  ['setMany', (store, keys) => store.setMany(entriesFor(keys, 'new'))],
  ['deleteMany', (store, keys) => store.deleteMany(keys)],
  ['clear', (store) => store.clear()],
];

describe.each(POLICIES)("with nodeDownPolicy: '%s',", (nodeDownPolicy) => {
  describe.each(CHANGES)("%s during the owner's outage", (name, change) => {
    const keyCount = name === 'set with an expiry' ? 1 : 5;
    let link: Link;

    beforeEach(async () => {
      link = await startLink(victim);
    });

    const open = () =>
      ignoreErrors(
        openStoreOver([link.location, ...redis.locations.slice(1)], { ...NO_DEADLINES, nodeDownPolicy }),
      );

    test('is not undone for any store when the owner returns', async () => {
      const [writer, other] = [open(), open()];
      const keys = keysOf(writer, link.location, keyCount);
      const untouched = keysOf(writer, link.location, 10).slice(5);
      await writer.setMany(entriesFor([...keys, ...untouched], 'old'));
      await other.connect();
      await link.cut(writer, other);
      await change(writer, keys).catch(() => undefined);
      await link.restore(writer, other);
      const misses = keys.map(() => undefined);
      expect([await writer.getMany(keys), await other.getMany(keys)]).toEqual([misses, misses]);
      if (name !== 'clear') expect(await other.getMany(untouched)).toEqual(untouched.map(() => 'old'));
    });

    test('is not undone if the writer disconnects before the owner returns', async () => {
      const writer = open();
      const keys = keysOf(writer, link.location, keyCount);
      await writer.setMany(entriesFor(keys, 'old'));
      await link.cut(writer);
      await change(writer, keys).catch(() => undefined);
      await writer.disconnect();
      await link.restore();
      expect(await open().getMany(keys)).toEqual(keys.map(() => undefined));
    });
  });

  const open = () => ignoreErrors(openStoreOver(redis.locations, { ...DEADLINES, nodeDownPolicy }));

  test('set while the owner is paused is not undone when the owner is resumed', async () => {
    const store = open();
    const [key] = keysOf(store, victim.location, 1) as [string];
    await store.set(key, 'old');
    await pauseUntilDown(victim, store);
    await store.set(key, 'new').catch(() => undefined);
    await resumeUntilUp(victim, store);
    expect(await store.get(key)).toBeUndefined();
  });

  test("a key is removed at the owner's first reply if a write of the key timed out", async () => {
    const store = open();
    const [key, other] = keysOf(store, victim.location, 2) as [string, string];
    await store.set(key, 'old');
    await victim.pause();
    await store.set(key, 'late').catch(() => undefined);
    expect(stateOf(store, victim.location)).toBe('suspect');
    await victim.resume();
    expect(await store.has(other)).toBe(false);
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, 'next');
    expect(await store.get(key)).toBe('next');
  });

  // The negative control for the tests above.
  test('without hints, the old value is read when the owner returns', async () => {
    const options = { ...DEADLINES, nodeDownPolicy };
    const store = new StoreWithoutHints(redis.locations, options) as unknown as DRedisStore;
    onCleanUp(() => store.disconnect());
    ignoreErrors(store);
    const [key] = keysOf(store, victim.location, 1) as [string];
    await store.set(key, 'old');
    await pauseUntilDown(victim, store);
    await store.set(key, 'new').catch(() => undefined);
    await resumeUntilUp(victim, store);
    expect(await store.get(key)).toBe('old');
  });
});
