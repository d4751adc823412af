import { describe, expect, test } from '@jest/globals';
import { type DRedisStore, NodeUnavailableError } from '../../src/index.js';
import {
  DEADLINE_MS,
  errorsOf,
  NO_DEADLINES,
  nextEvent,
  openStoreOver,
  rejection,
  sharedLocations,
  startProxy,
  startStub,
  timeOut,
} from '../support/index.js';

async function openOverProxy(commandTimeoutMs = NO_DEADLINES.commandTimeoutMs) {
  const proxy = await startProxy(sharedLocations()[0] as string);
  const store = openStoreOver([proxy.location], {
    ...NO_DEADLINES,
    namespace: 'broken-replies',
    commandTimeoutMs,
  });
  return { proxy, store };
}

describe('a reply that is cut off by the end of the connection', () => {
  test('makes get() read the value once more on the next connection', async () => {
    const { proxy, store } = await openOverProxy();
    const value = 'x'.repeat(10_000);
    await store.set('key', value);
    proxy.onReply = (reply, client) => {
      client.end(reply.subarray(0, reply.length / 2));
      proxy.onReply = undefined;
    };
    expect((await store.get('key')) === value).toBe(true);
  });

  test('makes get() reject instead of returning a partial value, if every reply is cut off', async () => {
    const { proxy, store } = await openOverProxy();
    await store.set('key', 'x'.repeat(10_000));
    proxy.onReply = (reply, client) => {
      if (reply.length < 10_000) client.write(reply);
      else client.end(reply.subarray(0, reply.length / 2));
    };
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
  });

  test('makes getMany() return misses and emit one error', async () => {
    const { proxy, store } = await openOverProxy();
    const errors = errorsOf(store);
    await store.setMany(['a', 'b'].map((key) => ({ key, value: key.repeat(1000) })));
    proxy.onReply = (reply, client) => void client.end(reply.subarray(0, 1500));
    expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(NodeUnavailableError);
  });

  test('makes the node unavailable until a complete greeting arrives, if it is the greeting', async () => {
    const { proxy, store } = await openOverProxy();
    proxy.onReply = (reply, client) => void client.end(reply.subarray(0, 10));
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    expect(await store.get('none')).toBeUndefined();
  });
});

describe('a server that does not speak the Redis protocol', () => {
  test.each<[string, string]>([
    ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['a mail server', '220 mail.example ESMTP\r\n'],
    ['a server that sends garbage', '\u0000\u0001nonsense\r\n$abc\r\n'],
    ['a server that closes the connection at once', ''],
  ])('is an unavailable node: %s', async (_name, reply) => {
    const { location } = await startStub((socket) => socket.end(reply));
    const store = openStoreOver([location], { namespace: 'n' });
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    expect(await rejection(store.connect())).toMatchObject({ nodes: [location] });
  });
});

describe('a reply that cannot be parsed', () => {
  test('makes the call reject, and the next connection works', async () => {
    const { proxy, store } = await openOverProxy();
    await store.connect();
    const up = nextEvent(store, 'node:up');
    proxy.onReply = (_reply, client) => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      proxy.onReply = undefined;
    };
    const error = await rejection(store.get('key'));
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error.message).toBe(
      `Node ${proxy.location} is unavailable: it sent a reply that cannot be parsed`,
    );
    await up;
    expect(await store.get('none')).toBeUndefined();
  });

  // Regression: node-redis skips bytes that it cannot parse and reads on, so the first caller got the next
  // reply.
  test('does not make a caller receive the reply to another call', async () => {
    const { proxy, store } = await openOverProxy();
    await store.setMany(['a', 'b'].map((key) => ({ key, value: `value of ${key}` })));
    const answered = new Promise<void>((resolve) => {
      proxy.onReply = (_reply, client) => {
        proxy.onReply = undefined;
        client.write('nonsense\r\n');
        resolve();
      };
    });
    const first = rejection(store.get('a'));
    await answered;
    const second = store.get('b').catch((error: unknown) => error);
    expect(await first).toBeInstanceOf(NodeUnavailableError);
    expect(['value of b', await first]).toContainEqual(await second);
  });
});

test('a reply that never ends makes calls time out, and the next connection works', async () => {
  // node-redis keeps waiting for the rest of the reply.
  const { proxy, store } = await openOverProxy(DEADLINE_MS);
  await store.connect();
  const up = nextEvent(store, 'node:up');
  proxy.onReply = (_reply, client) => {
    client.write('$100\r\nfifteen letters');
    proxy.onReply = undefined;
  };
  for (const { code } of await timeOut(store, 'key')) {
    expect(code).toMatch(/^DREDIS_(COMMAND_TIMEOUT|NODE_UNAVAILABLE)$/);
  }
  await up;
  expect(await store.get('none')).toBeUndefined();
});

// Regression: a getMany() whose MGET reply was too short never ended, and a SCAN whose cursor never came back
// to 0 kept clear() running for ever.
describe('a reply whose shape does not fit the command', () => {
  const many = (store: DRedisStore) => store.getMany(['a', 'b', 'c']);

  test.each<[string, string, (store: DRedisStore) => Promise<unknown>]>([
    ['MGET with too few values', '*2\r\n$1\r\nx\r\n$1\r\ny\r\n', many],
    ['MGET with too many values', '*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n', many],
    ['MGET with a number among the values', '*3\r\n:1\r\n$-1\r\n$-1\r\n', many],
    ['MGET with a nested list', '*3\r\n*1\r\n$1\r\nx\r\n$-1\r\n$-1\r\n', many],
    ['MGET that is null', '*-1\r\n', many],
    ['MGET that is a text', '+OK\r\n', many],
    ['GET that is a list', '*0\r\n', (store) => rejection(store.get('a'))],
    ['GET that is a number', ':1\r\n', (store) => rejection(store.get('a'))],
    ['EXISTS that is a text', '+yes\r\n', (store) => rejection(store.has('a'))],
    ['SET that is a number', ':1\r\n', (store) => rejection(store.set('a', 'x'))],
    ['SET that is null', '$-1\r\n', (store) => rejection(store.set('a', 'x', Date.now() + 60_000))],
    ['UNLINK that is OK', '+OK\r\n', (store) => rejection(store.delete('a'))],
    ['EXISTS that is a text', '+yes\r\n', (store) => store.hasMany(['a'])],
    ['UNLINK that is a list', '*0\r\n', (store) => store.deleteMany(['a'])],
    ['SET that is a number', ':1\r\n', (store) => store.setMany([{ key: 'a', value: 'x' }])],
    ['SCAN without keys', '*1\r\n$1\r\n0\r\n', (store) => store.clear().catch((error) => error.errors[0])],
    [
      'SCAN with a list as its cursor',
      '*2\r\n*0\r\n*0\r\n',
      (store) => store.clear().catch((error) => error.errors[0]),
    ],
  ])('is an error of the node, and later calls get their own replies: %s', async (_title, reply, call) => {
    const { proxy, store } = await openOverProxy();
    await store.connect();
    const errors = errorsOf(store);
    const up = nextEvent(store, 'node:up');
    proxy.onReply = (_reply, client) => {
      proxy.onReply = undefined;
      client.write(reply);
    };
    const result = await call(store);
    const error = errors[0] ?? (result as Error);
    expect(error).toBeInstanceOf(NodeUnavailableError);
    expect(error.message).toMatch(/its reply to [A-Z]+ must be /);
    await up;
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
  });

  test('ends clear() if SCAN returns the same cursor again', async () => {
    const { proxy, store } = await openOverProxy();
    await store.connect();
    proxy.onReply = (_reply, client) => void client.write('*2\r\n$1\r\n7\r\n*0\r\n');
    const error = await rejection(store.clear());
    expect(error.code).toBe('DREDIS_CLEAR_INCOMPLETE');
    expect(error.message).toContain('its reply to SCAN must be a new cursor, got "7"');
  });
});
