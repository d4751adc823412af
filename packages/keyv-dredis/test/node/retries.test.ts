import { expect, test } from '@jest/globals';
import {
  nextEvent,
  openStoreOver,
  rejection,
  startProxy,
  startServer,
  startStub,
  until,
} from '../support/index.js';

test('ten stores of a process share the connection attempts to a server that is down', async () => {
  const stub = await startStub((socket) => socket.destroy());
  const stores = Array.from({ length: 10 }, () => openStoreOver([stub.location]));
  await Promise.all(stores.map((store) => rejection(store.get('key'))));
  const before = stub.connectionCount;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(stub.connectionCount - before).toBeGreaterThanOrEqual(2);
  expect(stub.connectionCount - before).toBeLessThanOrEqual(8);
});

const LONG_DELAY = { maxRetryDelayMs: 2 ** 31 - 1 };

/** Opens a store whose server was down for five retries, and is back. The next retry is due in 4 to 8 s. */
async function openWithLongDelay() {
  const server = await startServer();
  const proxy = await startProxy(server.location);
  const store = openStoreOver([proxy.location], LONG_DELAY);
  await store.connect();
  const down = nextEvent(store, 'node:down');
  // No server listens on this port.
  proxy.target = '127.0.0.1:1';
  proxy.closeConnections();
  await down;
  // Each failed retry has a reason of its own. The first reason is that of the outage.
  const reasons = new Set();
  await until(() => reasons.add(store.status().nodes[0]?.reason).size === 6);
  proxy.target = server.location;
  const startedAt = performance.now();
  const up = nextEvent(store, 'node:up').then(() => performance.now() - startedAt);
  return { location: proxy.location, store, up };
}

test.each<[string, (locations: string[], store: ReturnType<typeof openStoreOver>) => Promise<unknown>]>([
  ['another store connects to it', (locations) => openStoreOver(locations).connect()],
  ['updateNodes() keeps it', (locations, store) => store.updateNodes(locations)],
])('a node that is back is up at once if %s', async (_title, signal) => {
  const { location, store, up } = await openWithLongDelay();
  expect(store.status().nodes[0]?.state).toBe('down');
  await signal([location], store);
  expect(await up).toBeLessThan(3000);
});
