import { beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { type ChangeProgress, type DRedisStore, DRedisStore as Store } from '../../src/index.js';
import { connectClient, errorsOf, openStoreOver, rejection, startServers, until } from '../support/index.js';

let redis: RedisServers;
let three: readonly string[];
let four: readonly string[];
let store: DRedisStore;
let other: DRedisStore;

const KEYS = Array.from({ length: 3000 }, (_, number) => `key-${number}`);
const storedValue = (key: string) => `value of ${key}`;

beforeEach(async () => {
  redis = await startServers();
  four = redis.locations;
  three = four.slice(0, 3);
  store = openStoreOver(three, { namespace: 'n' });
  other = openStoreOver(three, { namespace: 'n' });
  await other.connect();
  await store.setMany(KEYS.map((key) => ({ key, value: storedValue(key) })));
});

const sizes = async () => {
  const counts = await Promise.all(
    four.map(async (location) => {
      const client = await connectClient(location);
      return (await client.keys('n:*')).length;
    }),
  );
  return counts;
};

/** Reads and writes keys with two stores until it is stopped. @returns what was wrong */
function underLoad(): () => Promise<readonly unknown[]> {
  const wrong: unknown[] = [];
  let isDone = false;
  const written = new Map<string, number>();
  const reader = async (from: DRedisStore, offset: number) => {
    for (let turn = offset; !isDone; turn += 17) {
      const key = KEYS[turn % KEYS.length] as string;
      const value = await from.get(key);
      if (value !== storedValue(key)) wrong.push({ key, value });
    }
  };
  const writer = async (to: DRedisStore, from: DRedisStore, offset: number) => {
    const key = `counter-${offset}`;
    for (let count = 1; !isDone; count += 1) {
      await to.set(key, String(count));
      written.set(key, count);
      const read = await from.get(key);
      if (read !== String(count)) wrong.push({ key, count, read });
      if (count % 10 === 0) {
        await to.delete(key);
        const gone = await from.get(key);
        if (gone !== undefined) wrong.push({ key, count, gone });
      }
    }
  };
  const tasks = [0, 1, 2, 3].flatMap((offset) => [
    reader(store, offset),
    reader(other, 1000 + offset),
    writer(store, other, offset),
    writer(other, store, 100 + offset),
  ]);
  return async () => {
    isDone = true;
    await Promise.all(tasks);
    return wrong;
  };
}

describe('reshard()', () => {
  test('adds and removes a server under load: no read misses an entry or finds an older value', async () => {
    const stop = underLoad();
    const progress: ChangeProgress[] = [];
    const added = await store.reshard(four, { onProgress: (each) => progress.push(each) });
    expect(added).toMatchObject({ epoch: 2, isStopped: false });
    expect(added.movedCount).toBeGreaterThan(500);
    expect(progress.at(-1)).toMatchObject({ phase: 'settled', epoch: 2 });
    expect(store.status().topology).toMatchObject({ epoch: 2, phase: 'settled' });
    const removed = await other.reshard(four.slice(1));
    expect(removed).toMatchObject({ epoch: 4, isStopped: false });
    const weighed = await store.reshard(
      four.slice(1).map((url, index) => ({ url: `redis://${url}`, weight: index + 1 })),
    );
    expect(weighed).toMatchObject({ epoch: 6 });
    expect(await stop()).toEqual([]);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(storedValue));
    expect(await other.getMany(KEYS)).toEqual(KEYS.map(storedValue));
    expect((await sizes())[0]).toBe(0);
  }, 60_000);

  test('is followed by a store that starts with an old list', async () => {
    await store.reshard(four.slice(1));
    await redis.servers[0]?.stop();
    const late = openStoreOver(three, { namespace: 'n' });
    expect(await late.getMany(KEYS)).toEqual(KEYS.map(storedValue));
    expect(late.nodes).toEqual(four.slice(1));
  });

  test('is followed by the store itself, which has not been used before', async () => {
    const unused = openStoreOver(three, { namespace: 'n' });
    await unused.reshard(four);
    expect(unused.status().topology).toMatchObject({ epoch: 2, phase: 'settled' });
    expect(unused.nodes).toEqual(four);
  });

  test('stops when its signal is aborted, and a later call goes on', async () => {
    const controller = new AbortController();
    const stopped = await store.reshard(four, {
      maxKeysPerSecond: 300,
      signal: controller.signal,
      onProgress: ({ movedCount }) => movedCount > 0 && controller.abort(),
    });
    expect(stopped.isStopped).toBe(true);
    expect(store.status().topology).toMatchObject({ epoch: 1, phase: 'moving' });
    expect(await other.getMany(KEYS)).toEqual(KEYS.map(storedValue));
    expect(await other.reshard(four)).toMatchObject({ epoch: 2, isStopped: false });
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(storedValue));
  });

  test('stops when the store is disconnected, and another store goes on', async () => {
    let closed: Promise<void> | undefined;
    const error = await rejection(
      store.reshard(four, {
        maxKeysPerSecond: 300,
        onProgress: ({ movedCount }) => {
          if (movedCount > 0) closed ??= store.disconnect();
        },
      }),
    );
    expect(error).toMatchObject({ code: 'DREDIS_CLOSED' });
    await closed;
    expect(await other.reshard(four)).toMatchObject({ epoch: 2, isStopped: false });
    expect(await other.getMany(KEYS)).toEqual(KEYS.map(storedValue));
  });

  test('is refused for a store that keeps to its own locations', async () => {
    const fixed = openStoreOver(three, { namespace: 'n', topology: 'fixed' });
    expect(fixed.status().topology).toMatchObject({
      mode: 'fixed',
      reason: 'the option topology is "fixed"',
    });
    expect(await rejection(fixed.reshard(four))).toMatchObject({ code: 'DREDIS_CHANGE_REFUSED' });
    await fixed.updateNodes(four);
    expect(fixed.nodes).toEqual(four);
  });

  test('is refused while such a store is connected, unless it is forced', async () => {
    const fixed = openStoreOver(three, { namespace: 'n', topology: 'fixed' });
    await fixed.connect();
    const error = await rejection(store.reshard(four));
    expect(error).toMatchObject({ code: 'DREDIS_CHANGE_REFUSED' });
    expect(error.message).toMatch(/keyv-dredis_/);
    expect(store.status().topology.epoch).toBe(0);
    expect(await store.reshard(four, { force: true })).toMatchObject({ epoch: 2 });
  });

  test.each([
    [{ maxKeysPerSecond: 0 }, 'options.maxKeysPerSecond must be a number above 0, got 0'],
    [{ signal: 1 }, 'options.signal must be an AbortSignal, got 1'],
    [{ rate: 1 }, /^options has no option "rate"/],
  ])('rejects the options %j', async (options, message) => {
    const error = await rejection(store.reshard(four, options as never));
    expect(error).toMatchObject({ code: 'DREDIS_INVALID_OPTION' });
    expect(error.message).toMatch(message);
  });

  test('makes updateNodes() reject, with advice', async () => {
    await store.reshard(four);
    const error = await rejection(store.updateNodes(three));
    expect(error).toMatchObject({ code: 'DREDIS_TOPOLOGY_SHARED' });
    expect(error.message).toMatch(/call reshard\(\)/);
  });

  test('of two stores at once: one wins, and the other is told', async () => {
    const outcomes = await Promise.allSettled([store.reshard(four), other.reshard(four.slice(1))]);
    const lost = outcomes.filter(({ status }) => status === 'rejected');
    await until(
      () => store.status().topology.phase === 'settled' && other.status().topology.phase === 'settled',
    );
    expect(store.status().topology).toEqual(other.status().topology);
    expect(lost.length).toBeLessThan(2);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(storedValue));
  });

  // Regression: a value that an earlier change had left on a third server was moved, and hid the current value.
  test('does not move values that a server holds but did not own', async () => {
    for (const location of three) {
      const client = await connectClient(location);
      for (const key of KEYS) {
        if (store.locate(key).node !== location) await client.set(`n:${key}`, 'old');
      }
    }
    await store.reshard(four);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(storedValue));
  });

  test('works in a process whose own servers are all gone', async () => {
    await store.reshard(four.slice(2));
    await until(() => other.status().topology.phase === 'settled' && other.nodes.length === 2);
    await Promise.all([redis.servers[0]?.stop(), redis.servers[1]?.stop()]);
    const spare = (await startServers({ count: 1 })).locations;
    expect(await other.reshard([...four.slice(3), ...spare])).toMatchObject({ epoch: 4 });
    expect(await other.getMany(KEYS)).toEqual(KEYS.map(storedValue));
  });

  test('keeps expiries', async () => {
    const expiresAt = Date.now() + 60_000;
    await store.setMany(KEYS.map((key) => ({ key, value: 'v', expires: expiresAt })));
    await store.reshard(four);
    const client = await connectClient(four[3] as string);
    const [key] = await client.keys('n:*');
    const left = await client.pTTL(key as string);
    expect(Math.abs(left - (expiresAt - Date.now()))).toBeLessThan(1000);
  });
});

// Regression: the record holds no passwords, so the new server could not be used by processes whose passwords are in URLs.
test('a change of servers whose passwords are in the URLs is followed by all processes', async () => {
  const secured = await startServers({ args: ['--requirepass', 'secret'] });
  const urls = secured.locations.map((location) => `redis://:secret@${location}`);
  const stores = [0, 1].map(() => openStoreOver(urls.slice(0, 3), { namespace: 'n' })) as [Store, Store];
  await stores[1].connect();
  await stores[0].setMany(KEYS.map((key) => ({ key, value: storedValue(key) })));
  expect(await stores[0].reshard(urls)).toMatchObject({ epoch: 2 });
  for (const each of stores) expect(await each.getMany(KEYS)).toEqual(KEYS.map(storedValue));
});

test('a process with clients of the caller keeps to its own locations, and says so', async () => {
  const client = await connectClient(four[0] as string);
  const external = new Store([{ name: four[0] as string, client: client as never }, four[1] as string], {
    namespace: 'n',
  });
  errorsOf(external);
  expect(external.status().topology).toMatchObject({
    mode: 'fixed',
    reason: `the client of node ${four[0]} was not created by the store`,
  });
  await external.disconnect();
});
