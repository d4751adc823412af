import { expect, test } from '@jest/globals';
import { connectClient, entriesOf, openStoreOver, startServers } from '../support/index.js';

// docs/topology.md says what a change does to keys of the caller's own commands.
test("counters move at has(), and lists stay, when the caller's own keys get another owner", async () => {
  const { locations } = await startServers({ count: 4 });
  const store = openStoreOver(locations.slice(0, 3), { namespace: 'n' });
  const names = Array.from({ length: 100 }, (_, index) => `key-${index}`);
  for (const name of names) {
    const { client, key } = store.locate(name);
    await client.incr(key);
    const list = store.locate(`${name}-list`);
    await list.client.rPush(list.key, 'item');
  }
  const owners = new Map(names.map((name) => [name, store.locate(name).node]));
  const stop = new AbortController();
  const stopped = await store.reshard([...locations], {
    maxKeysPerSecond: 1,
    signal: stop.signal,
    onProgress: ({ phase }) => phase === 'moving' && stop.abort(),
  });
  expect(stopped.isStopped).toBe(true);

  const moving = names.filter((name) => store.locate(name).node !== owners.get(name));
  expect(moving.length).toBeGreaterThan(5);
  for (const name of moving) {
    expect(await store.has(name)).toBe(true);
    const { client, key } = store.locate(name);
    expect(await client.incr(key)).toBe(2);
  }

  const summary = await store.reshard([...locations]);
  const isMoved = (name: string) => store.locate(`${name}-list`).node === locations[3];
  expect(summary.skippedCount).toBe(names.filter(isMoved).length);
  const [fourth] = await Promise.all(locations.slice(3).map((location) => connectClient(location)));
  for (const name of names.filter(isMoved)) expect(await fourth?.exists(`n:${name}-list`)).toBe(0);

  await store.clear();
  expect(await entriesOf(store)).toEqual([]);
  for (const location of locations) {
    expect(await (await connectClient(location)).keys('n:*')).toEqual([]);
  }
});
