import { beforeEach, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { ask, type RedisServer } from 'redis-launcher';
import {
  DEADLINE_MS,
  errorsOf,
  nextEvent,
  onCleanUp,
  openStoreOver,
  type ProxyServer,
  rejection,
  startProxy,
  startServer,
  timeOut,
} from '../support/index.js';

let server: RedisServer;
let proxy: ProxyServer;

beforeEach(async () => {
  server = await startServer();
  proxy = await startProxy(server.location);
});

function makeClient() {
  const client = createClient({ url: `redis://${proxy.location}` });
  client.on('error', () => undefined);
  onCleanUp(() => client.isOpen && client.destroy());
  return client;
}

// If a host vanishes, its connections are not reset, so the operating system notices that only after minutes.
test('a client from a factory is connected again if its server does not reply any more', async () => {
  const store = openStoreOver([{ name: 'node', client: makeClient }], { commandTimeoutMs: DEADLINE_MS });
  await store.set('key', 'value');
  proxy.onRequest = () => Buffer.alloc(0);
  const next = proxy.nextConnection();
  await timeOut(store, 'key');
  await next;
  const up = nextEvent(store, 'node:up');
  proxy.onRequest = undefined;
  await up;
  expect(await store.get('key')).toBe('value');
});

test('a client from a factory drops its connection after a malformed reply, so no call gets the reply to another', async () => {
  const store = openStoreOver([{ name: 'node', client: makeClient }], { maxBatchSize: 1 });
  const keys = ['a', 'b', 'c'];
  for (const key of keys) await store.set(key, key);
  proxy.onReply = (reply, toClient) => {
    proxy.onReply = undefined;
    toClient.write('*2\r\n$1\r\nx\r\n$1\r\nx\r\n');
    setTimeout(() => toClient.write(reply), 20);
  };
  const values = await Promise.allSettled(keys.map((key) => store.get(key)));
  expect(values.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});

test("a caller's client that its owner closes during a reconnect is not opened again", async () => {
  const client = makeClient();
  const store = openStoreOver([client]);
  await store.set('key', 'value');
  proxy.onRequest = () => Buffer.alloc(0);
  const connected = proxy.nextConnection();
  proxy.closeConnections();
  await connected;
  const down = nextEvent(store, 'node:down');
  client.destroy();
  expect((await down)[1].message).toMatch('its client was closed');
  proxy.onRequest = undefined;
  await rejection(store.connect());
  expect(client.isOpen).toBe(false);
});

test("a caller's client causes one error event per connection to a server that is not the primary", async () => {
  const store = openStoreOver([makeClient()]);
  await store.set('key', 'value');
  await ask(server.location, ['REPLICAOF', '127.0.0.1', '1']);
  const errors = errorsOf(store);
  for (const count of [1, 2]) {
    for (let call = 0; call < 3; call += 1) await rejection(store.set('key', 'value'));
    expect(errors.map(({ code }) => code)).toEqual(Array(count).fill('DREDIS_NOT_PRIMARY'));
    proxy.closeConnections();
    await store.get('key').catch(() => undefined);
  }
});

test("a caller's client whose server closes each connection at the first command does not reconnect in a loop", async () => {
  const store = openStoreOver([makeClient()]);
  await store.set('key', 'value');
  proxy.onReply = (_reply, toClient) => toClient.destroy();
  // The client's own greeting is answered.
  proxy.onRequest = (request) => {
    proxy.onReply = request.includes('HELLO') ? undefined : (_reply, toClient) => toClient.destroy();
    return request;
  };
  const down = nextEvent(store, 'node:down');
  proxy.closeConnections();
  await down;
  const before = proxy.connectionCount;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(proxy.connectionCount - before).toBeLessThan(20);
});
