import { expect, test } from '@jest/globals';
import { createClient, createClientPool, createSentinel } from 'redis';
import { DRedisStore } from '../../src/index.js';

// What this file guards is seen by the compiler: no client of node-redis was a Location to it, because
// node-redis types its listeners with any[], which is not assignable to never[].
test('clients as node-redis types them are locations', async () => {
  const sentinel = createSentinel({ name: 'group', sentinelRootNodes: [{ host: 's', port: 1 }] });
  const store = new DRedisStore([
    createClient({ socket: { host: 'a' } }),
    createClient({ socket: { host: 'b' }, RESP: 2 }),
    createClient({ socket: { host: 'c' }, RESP: 3 }),
    () => createClient({ socket: { host: 'd' }, RESP: 2 }),
    { name: 'pool', client: createClientPool() },
    { name: 'pool of RESP 2', client: () => createClientPool({ RESP: 2 }) },
    { name: 'sentinel', client: sentinel, weight: 2 },
  ]);
  expect(store.nodes).toEqual(['a:6379', 'b:6379', 'c:6379', 'd:6379', 'pool', 'pool of RESP 2', 'sentinel']);
  await store.disconnect();
});

// `clientOptions: { RESP: 2 }`, which the README shows, was an error to the compiler as well.
test('both versions of the protocol are options', async () => {
  const stores = [
    new DRedisStore('h', { clientOptions: { RESP: 2 } }),
    new DRedisStore([{ clientOptions: { RESP: 3 } }]),
  ];
  await Promise.all(stores.map((store) => store.disconnect()));
});
