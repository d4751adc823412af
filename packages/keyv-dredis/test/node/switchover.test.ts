import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { RedisServer } from 'redis-launcher';
import type { Location } from '../../src/index.js';
import {
  connectClient,
  errorsOf,
  nextEvent,
  openStoreOver,
  type ProxyServer,
  rejection,
  startProxy,
  startServer,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

// A planned failover behind an address that stays, such as a virtual IP: new connections lead to the new primary.
// The old primary becomes a replica. It keeps its connections, and refuses writes.

let primary: RedisServer;
let replica: RedisServer;
let address: ProxyServer;

beforeAll(async () => {
  [primary, replica] = await Promise.all([startServer(), startServer()]);
});

beforeEach(async () => {
  await configure(primary, ['REPLICAOF', 'NO', 'ONE'], ['FLUSHALL'], ['CONFIG', 'RESETSTAT']);
  await follow(replica, primary);
  address = await startProxy(primary.location);
});

async function configure(server: RedisServer, ...commands: string[][]): Promise<void> {
  const admin = await connectClient(server.location);
  for (const command of commands) await admin.sendCommand(command);
  admin.destroy();
}

/** Makes a server the replica of another one, and waits until it is in sync. */
async function follow(server: RedisServer, of: RedisServer): Promise<void> {
  await configure(server, ['REPLICAOF', '127.0.0.1', String(of.port)]);
  const admin = await connectClient(server.location);
  while (!/master_link_status:up/.test(await admin.info('replication'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  admin.destroy();
}

async function failOver(): Promise<void> {
  await configure(replica, ['REPLICAOF', 'NO', 'ONE']);
  address.target = replica.location;
  await follow(primary, replica);
}

const makeClient = () =>
  createClient({ socket: { host: '127.0.0.1', port: address.port } }).on('error', () => undefined);

/** Calls until a call succeeds. @returns milliseconds until then */
async function untilWritable(write: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    try {
      await write();
      return performance.now() - startedAt;
    } catch {
      if (performance.now() - startedAt > 20_000) throw new Error('not writable within 20 s');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe.each<[string, number, () => Location]>([
  ['a node', 1, () => address.location],
  ['a node with a client from a factory', 1, () => makeClient],
  ['a node with a pool from a factory', 3, () => ({ name: 'pool', client: () => makeClient().createPool() })],
])('%s whose server is no longer the primary', (_title, connectionCount, locate) => {
  test('is connected to the new primary after the first refused write, and no read fails', async () => {
    const store = openStoreOver([locate()]);
    const states = recordStates(store);
    await store.set('key', 'value');
    await failOver();
    let isWritable = false;
    const writable = untilWritable(() => store.set('key', 'changed')).then(() => {
      isWritable = true;
    });
    while (!isWritable) expect(['value', 'changed', undefined]).toContain(await store.get('key'));
    await writable;
    const admin = await connectClient(replica.location);
    expect(await admin.get('keyv:key')).toBe('changed');
    expect(await store.get('key')).toBe('changed');
    expect(states).toEqual([]);
  });

  test('is connected to the new primary although no other call is in flight', async () => {
    const store = openStoreOver([locate()]);
    const states = recordStates(store);
    await store.set('key', 'value');
    await failOver();
    await rejection(store.set('key', 'changed'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await store.set('key', 'changed')).toBe(true);
    expect(states).toEqual([]);
  });

  test('is connected with growing delays while the address still leads to the old primary', async () => {
    const store = openStoreOver([locate()]);
    await store.set('key', 'value');
    await configure(replica, ['REPLICAOF', 'NO', 'ONE']);
    await follow(primary, replica);
    const before = address.connectionCount;
    const until = performance.now() + 3000;
    while (performance.now() < until) {
      expect((await rejection(store.set('key', 'changed'))).message).toMatch(/READONLY|closed/);
      await store.get('key');
    }
    expect(address.connectionCount - before).toBeGreaterThanOrEqual(3);
    expect(address.connectionCount - before).toBeLessThanOrEqual(8 * connectionCount);
    address.target = replica.location;
    await untilWritable(() => store.set('key', 'changed'));
  });
});

test('a node whose server lost its primary is connected to the new primary', async () => {
  const store = openStoreOver([address.location]);
  await store.set('key', 'value');
  await configure(replica, ['REPLICAOF', 'NO', 'ONE']);
  const admin = await connectClient(primary.location);
  await admin.sendCommand(['CONFIG', 'SET', 'replica-serve-stale-data', 'no']);
  await admin.sendCommand(['REPLICAOF', '127.0.0.1', '1']);
  const down = nextEvent(store, 'node:down');
  expect((await rejection(store.get('key'))).message).toMatch('MASTERDOWN');
  await down;
  const up = nextEvent(store, 'node:up');
  address.target = replica.location;
  await up;
  expect(await store.set('key', 'changed')).toBe(true);
  await admin.sendCommand(['CONFIG', 'SET', 'replica-serve-stale-data', 'yes']);
});

test("a caller's client whose server is no longer the primary causes one error event, and is not reconnected", async () => {
  const client = makeClient();
  const store = openStoreOver([client]);
  const errors = errorsOf(store);
  await store.set('key', 'value');
  await failOver();
  const before = address.connectionCount;
  for (let call = 0; call < 5; call += 1) await rejection(store.set('key', 'changed'));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ code: 'DREDIS_NOT_PRIMARY', node: address.location });
  expect(errors[0]?.message).toMatch(/READONLY.*reconnect the client, or pass a function that creates it/);
  expect(address.connectionCount).toBe(before);
  address.closeConnections();
  await untilWritable(() => store.set('key', 'changed'));
  client.destroy();
});
