import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type DRedisStore, type Location, NodeUnavailableError } from '../../src/index.js';
import {
  connectClient,
  entriesOf,
  openStoreOver,
  rejection,
  startProxy,
  startServer,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

// A connection may end although the server works: after a long idle time, a failover of a proxy, or a freeze of
// this process. The store connects again at once, and calls wait for the new connection.

const SOURCES: [string, (location: string) => Location][] = [
  ['a client of the store', (location) => location],
  ['a client from a factory', (location) => () => makeClient(location)],
];

function makeClient(location: string) {
  return createClient({ url: `redis://${location}` }).on('error', () => undefined);
}

/** Ends all connections except the admin's. */
async function killConnections(location: string): Promise<void> {
  const admin = await connectClient(location);
  await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
  admin.destroy();
}

/** Opens a store, and stores a value. */
async function openWithValue(location: Location) {
  const store = openStoreOver([location]);
  const states = recordStates(store);
  await store.set('key', 'value');
  return { store, states };
}

describe.each(SOURCES)('if the server closes the connection of %s', (_title, sourceOf) => {
  test('no read fails, no write after it fails, and the node stays up', async () => {
    const server = await startServer();
    const { store, states } = await openWithValue(sourceOf(server.location));
    const connection = connectionClosed(store);
    let isKilled = false;
    const killed = killConnections(server.location).then(() => {
      isKilled = true;
    });
    while (!isKilled) {
      const reads = [store.get('key'), store.has('key'), store.getMany(['key'])];
      expect(await Promise.all(reads)).toEqual(['value', true, ['value']]);
    }
    await Promise.all([killed, connection]);
    expect(await store.set('other', 'value')).toBe(true);
    expect(states).toEqual([]);
  });

  test('because it was idle, the next call succeeds', async () => {
    const server = await startServer('--timeout', '1');
    const { store, states } = await openWithValue(sourceOf(server.location));
    const closed = connectionClosed(store);
    await closed;
    expect(await store.set('other', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
    expect(states).toEqual([]);
  });
});

/** Resolves when the node's client notices that its connection is closed. */
function connectionClosed(store: DRedisStore): Promise<void> {
  const { client } = store.locate('key');
  return new Promise((resolve) => {
    client.once('error', () => resolve());
  });
}

/** The command of `get('key')`. The store reads keys of its own, too. */
const READ_KEY = 'GET\r\n$8\r\nkeyv:key';

describe('a connection that ends while a command is in flight', () => {
  /** Closes the connection when the first command with this name arrives. @returns these commands */
  async function openOverDyingConnection(name: string) {
    const server = await startServer();
    const proxy = await startProxy(server.location);
    const { store, states } = await openWithValue(proxy.location);
    const commands: string[] = [];
    proxy.onRequest = (request) => {
      if (!String(request).includes(`\r\n${name}\r\n`)) return request;
      commands.push(name);
      if (commands.length > 1) return request;
      proxy.closeConnections();
      return Buffer.alloc(0);
    };
    return { store, states, commands };
  }

  test.each<[string, string, (store: DRedisStore) => Promise<unknown>]>([
    ['get()', READ_KEY, async (store) => expect(await store.get('key')).toBe('value')],
    [
      'getMany()',
      'MGET',
      async (store) => expect(await store.getMany(['key', 'b'])).toEqual(['value', undefined]),
    ],
    ['has()', 'EXISTS', async (store) => expect(await store.has('key')).toBe(true)],
    ['hasMany()', 'EXISTS', async (store) => expect(await store.hasMany(['key'])).toEqual([true])],
    ['iterator()', 'SCAN', async (store) => expect(await entriesOf(store)).toEqual([['key', 'value']])],
    ['clear()', 'SCAN', async (store) => expect(await store.clear()).toBeUndefined()],
  ])('makes %s read again', async (_title, name, call) => {
    const { store, states, commands } = await openOverDyingConnection(name);
    await call(store);
    expect(commands).toEqual([name, name]);
    expect(states).toEqual([]);
  });

  test.each<[string, string, (store: DRedisStore) => Promise<unknown>]>([
    ['set()', 'SET', (store) => store.set('key', 'changed')],
    ['delete()', 'UNLINK', (store) => store.delete('key')],
  ])('makes %s reject, because a write is never sent again', async (_title, name, call) => {
    const { store, states, commands } = await openOverDyingConnection(name);
    expect(await rejection(call(store))).toBeInstanceOf(NodeUnavailableError);
    expect(commands).toEqual([name]);
    expect(await store.get('key')).toBe('value');
    expect(states).toEqual([]);
  });

  test('sends a read again only once', async () => {
    const server = await startServer();
    const proxy = await startProxy(server.location);
    const { store } = await openWithValue(proxy.location);
    let count = 0;
    proxy.onRequest = (request) => {
      if (!String(request).includes(READ_KEY)) return request;
      count += 1;
      proxy.closeConnections();
      return Buffer.alloc(0);
    };
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    expect(count).toBe(2);
  });

  test('takes the node down if every connection ends soon after it was opened', async () => {
    const server = await startServer();
    const proxy = await startProxy(server.location);
    const { store } = await openWithValue(proxy.location);
    let reason: unknown;
    store.on('node:down', (_name, error) => {
      reason = error;
    });
    proxy.onRequest = (request) => {
      if (!String(request).includes(READ_KEY)) return request;
      proxy.closeConnections();
      return Buffer.alloc(0);
    };
    // Three calls are enough, unless a loaded machine needs 500 ms for one of them.
    for (let call = 0; reason === undefined && call < 20; call += 1) await rejection(store.get('key'));
    expect(reason).toBeInstanceOf(NodeUnavailableError);
  });
});

test('calls wait for the new connection of a node only until that connection fails', async () => {
  const server = await startServer();
  const { store, states } = await openWithValue(server.location);
  const closed = connectionClosed(store);
  await server.kill();
  await closed;
  expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
  expect(states).toEqual([['node:down', server.location]]);
});
