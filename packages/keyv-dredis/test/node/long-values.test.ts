import { describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  errorsOf,
  NO_DEADLINES,
  openStoreOver,
  recordCommands,
  rejection,
  startProxy,
  startServer,
} from '../support/index.js';

const MIB = 2 ** 20;

async function open(server: RedisServer): Promise<DRedisStore> {
  const store = openStoreOver([server.location], { namespace: 'long', ...NO_DEADLINES });
  await store.connect();
  return store;
}

const REFUSED = { code: 'DREDIS_COMMAND_FAILED', name: 'CommandFailedError' };

// Redis replies "Protocol error: invalid bulk length" to a value that is too long, and closes the connection. All
// calls in flight then failed, and the node was down.
describe.each([
  ['proto-max-bulk-len', ['--proto-max-bulk-len', '1mb']],
  ['client-query-buffer-limit', ['--client-query-buffer-limit', '1mb']],
])('a server with a low %s', (_title, args) => {
  test.each([
    ['text', 'ü'.repeat(MIB)],
    ['bytes', Buffer.alloc(2 * MIB)],
  ])('refuses only the call with %s that is too long', async (_what, value) => {
    const server = await startServer(...args);
    const proxy = await startProxy(server.location);
    const store = await open({ location: proxy.location } as RedisServer);
    const errors = errorsOf(store);
    const others = Array.from({ length: 50 }, (_, number) => store.set(`key-${number}`, 'value'));
    const refused = rejection(store.set('long', value));
    const later = Array.from({ length: 50 }, (_, number) => store.get(`key-${number}`));
    expect(await refused).toMatchObject(REFUSED);
    expect((await refused).message).toMatch(
      /the value has 2097\d+ bytes, and the server accepts at most \d+/,
    );
    expect(await Promise.all(others)).toEqual(others.map(() => true));
    expect(await Promise.all(later)).toEqual(later.map(() => 'value'));
    expect(await rejection(store.set('long', value))).toMatchObject(REFUSED);
    expect(await store.set('short', 'x'.repeat(MIB / 2))).toBe(true);
    expect([store.status().nodes[0]?.state, proxy.connectionCount, errors]).toEqual(['up', 1, []]);
  });

  test('refuses only the long values of setMany()', async () => {
    const store = await open(await startServer(...args));
    const errors = errorsOf(store);
    const entries = [
      { key: 'a', value: 'short' },
      { key: 'b', value: 'x'.repeat(2 * MIB) },
      { key: 'c', value: 'short' },
    ];
    expect(await store.setMany(entries)).toEqual([true, false, true]);
    expect(errors).toMatchObject([REFUSED]);
    expect(await store.has('b')).toBe(false);
    expect(store.status().nodes).toMatchObject([{ state: 'up' }]);
  });
});

test('a server that raises its limit accepts a value that it refused before', async () => {
  const server = await startServer('--proto-max-bulk-len', '1mb');
  const store = await open(server);
  const value = 'x'.repeat(2 * MIB);
  expect(await rejection(store.set('long', value))).toMatchObject(REFUSED);
  await store.locate('any').client.configSet('proto-max-bulk-len', '4mb');
  expect(await store.set('long', value)).toBe(true);
});

// Regression: the first answer counted for ever, so every long value cost the connection of all calls.
test('a server that lowers its limit loses one connection to a value that is too long', async () => {
  const server = await startServer();
  const proxy = await startProxy(server.location);
  const store = await open({ location: proxy.location } as RedisServer);
  const value = 'x'.repeat(2 * MIB);
  expect(await store.set('long', value)).toBe(true);
  await store.locate('any').client.configSet('proto-max-bulk-len', '1mb');
  await rejection(store.set('long', value));
  // The server closes the connection after its reply. A read is sent again, a write is not.
  await store.get('short');
  expect(await store.set('short', 'value')).toBe(true);
  const { connectionCount } = proxy;
  for (let times = 0; times < 3; times += 1) {
    expect(await rejection(store.set('long', value))).toMatchObject(REFUSED);
    expect(await store.set('short', 'value')).toBe(true);
  }
  expect(proxy.connectionCount).toBe(connectionCount);
});

test('a server that forbids CONFIG loses two connections to a value that is too long, and then no more', async () => {
  const server = await startServer('--proto-max-bulk-len', '1mb', '--rename-command', 'CONFIG', '');
  const proxy = await startProxy(server.location);
  const store = await open({ location: proxy.location } as RedisServer);
  const value = 'x'.repeat(2 * MIB);
  for (let times = 0; times < 2; times += 1) {
    await rejection(store.set('long', value));
    while (!(await store.set('short', 'value').catch(() => false))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const { connectionCount } = proxy;
  for (let times = 0; times < 3; times += 1) {
    expect(await rejection(store.set('long', value))).toMatchObject(REFUSED);
    expect(await store.set('short', 'value')).toBe(true);
  }
  expect(proxy.connectionCount).toBe(connectionCount);
});

test('a later call does not overtake the first long value, before which the server is asked', async () => {
  const store = await open(await startServer());
  const value = 'x'.repeat(2 * MIB);
  const calls = [
    store.set('key', value),
    store.get('key'),
    store.set('key', `${value}2`),
    store.set('key', 'short'),
    store.get('key'),
    store.delete('key'),
    store.get('key'),
  ];
  const results = await Promise.all(calls);
  expect(results[1] === value).toBe(true);
  expect(results.filter((_, index) => index !== 1)).toEqual([true, true, true, 'short', true, undefined]);
});

test('short values cause no question for the limit', async () => {
  const store = await open(await startServer());
  const sent = recordCommands(store.locate('any').client);
  await store.set('key', 'ü'.repeat(MIB / 4));
  expect(sent.map(([name]) => name)).toEqual(['SET']);
});

describe('long arguments are split', () => {
  test('so that no MSET is longer than 1 MiB, unless one value is', async () => {
    const store = await open(await startServer());
    const entries = Array.from({ length: 100 }, (_, number) => ({
      key: `key-${number}`,
      value: `${number} `.padEnd(number === 50 ? 3 * MIB : 100_000, 'x'),
    }));
    const sent = recordCommands(store.locate('any').client);
    expect(await store.setMany(entries)).toEqual(entries.map(() => true));
    const lengths = sent.map((args) => args.reduce((sum, word) => sum + word.length, 0));
    expect(lengths.filter((length) => length > MIB + 1000)).toEqual([expect.any(Number)]);
    expect(sent.length).toBeLessThan(20);
    const values = await store.getMany(entries.map(({ key }) => key));
    expect(values.every((value, index) => value === entries[index]?.value)).toBe(true);
  });

  // Regression: V8 cannot make a string of more than 512 MiB, so node-redis threw while it wrote to the socket.
  test('so that 1,000 entries of 600 KB can be stored and read', async () => {
    const store = await open(await startServer());
    const value = 'x'.repeat(600_000);
    const entries = Array.from({ length: 1000 }, (_, number) => ({ key: `key-${number}`, value }));
    expect((await store.setMany(entries)).every(Boolean)).toBe(true);
    const values = await store.getMany(entries.map(({ key }) => key));
    expect(values.every((each) => each === value)).toBe(true);
  });

  test('so that long keys can be stored, read, listed and removed', async () => {
    const store = await open(await startServer());
    const keys = Array.from({ length: 10 }, (_, number) => `${number} `.padEnd(MIB / 2, 'k'));
    const sent = recordCommands(store.locate('any').client);
    expect(await store.setMany(keys.map((key) => ({ key, value: 'v' })))).toEqual(keys.map(() => true));
    expect(await store.getMany(keys)).toEqual(keys.map(() => 'v'));
    let count = 0;
    for await (const [key] of store.iterator()) count += keys.includes(key) ? 1 : 0;
    expect(count).toBe(keys.length);
    await store.clear();
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    const longest = Math.max(...sent.map((args) => args.reduce((sum, word) => sum + word.length, 0)));
    expect(longest).toBeLessThan(1.1 * MIB);
  });
});
