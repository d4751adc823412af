import { expect, test } from '@jest/globals';
import { createClient, createClientPool, createSentinel } from 'redis';
import { DRedisStore } from '../../src/index.js';

// The compiler checks this file. Regression: no node-redis client was assignable to Location, because
// node-redis declares its listeners with any[], which is not assignable to never[].

test("node-redis' types for clients, pools and sentinels are valid location types", async () => {
  const sentinel = createSentinel({ name: 'group', sentinelRootNodes: [{ host: 's', port: 1 }] });
  await using store = new DRedisStore([
    createClient({ socket: { host: 'a' } }),
    createClient({ socket: { host: 'b' }, RESP: 2 }),
    createClient({ socket: { host: 'c' }, RESP: 3 }),
    () => createClient({ socket: { host: 'd' }, RESP: 2 }),
    { name: 'pool', client: createClientPool() },
    { name: 'pool of RESP 2', client: () => createClientPool({ RESP: 2 }) },
    { name: 'sentinel', client: sentinel, weight: 2 },
  ]);
  expect(store.nodes).toEqual(['a:6379', 'b:6379', 'c:6379', 'd:6379', 'pool', 'pool of RESP 2', 'sentinel']);
});

// Regression: `clientOptions: { RESP: 2 }` did not compile.
test('clientOptions: { RESP } compiles for both protocol versions', async () => {
  await using two = new DRedisStore('h', { clientOptions: { RESP: 2 } });
  await using three = new DRedisStore([{ clientOptions: { RESP: 3 } }]);
  expect([two.nodes, three.nodes]).toEqual([['h:6379'], ['localhost:6379']]);
});
