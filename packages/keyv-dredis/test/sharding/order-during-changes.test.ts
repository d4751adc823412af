import { expect, test } from '@jest/globals';
import { openStoreOver, startServers } from '../support/index.js';

const KEY_COUNT = 100;
const CALLS_PER_ROUND = 200;
const DURATION_MS = 4_000;

// Regression: a reply that waited for the new topology record did not count, and its write was sent again after a later
// write, which had been sent as soon as the record was known.
test('while servers are added and removed, writes that do not wait for each other keep their order', async () => {
  const { locations } = await startServers({ count: 4 });
  const store = openStoreOver(locations.slice(0, 3), { namespace: 'app', commandTimeoutMs: 10_000 });
  const operator = openStoreOver(locations.slice(0, 3), { namespace: 'app' });
  await Promise.all([store.connect(), operator.connect()]);
  const endsAt = Date.now() + DURATION_MS;
  const changes = (async () => {
    for (let count = 4; Date.now() < endsAt; count = 7 - count)
      await operator.reshard(locations.slice(0, count));
  })();
  const keys = Array.from({ length: KEY_COUNT }, (_, index) => `key-${index}`);
  const expected = new Map<string, string | undefined>();
  const random = (count: number) => Math.floor(Math.random() * count);
  for (let round = 0; Date.now() < endsAt; round += 1) {
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < CALLS_PER_ROUND; call += 1) {
      const key = keys[random(KEY_COUNT)] as string;
      const value = `${round}-${call}`;
      const kind = random(10);
      expected.set(key, kind === 0 ? undefined : value);
      if (kind === 0) calls.push(store.delete(key));
      else if (kind === 1) calls.push(store.setMany([{ key, value }]));
      else calls.push(store.set(key, value, kind < 6 ? Date.now() + 600_000 : undefined));
      if (kind === 9) await undefined;
    }
    await Promise.all(calls);
    expect(await store.getMany(keys)).toEqual(keys.map((key) => expected.get(key)));
  }
  await changes;
});
