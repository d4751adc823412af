import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DRedisStore, NodeUnavailableError } from '../../src/index.js';
import { sharedLocations } from '../support/servers.js';
import { errorsOf, nextEvent, rejection, timeOut } from '../support/stores.js';
import { proxyTo, type StubServer, stubServer } from '../support/stub-server.js';

/** Longer than a test may take: whatever waits for one of them instead of failing fast fails its test. */
const NEVER_IN_A_TEST_MS = 600_000;

const stores: DRedisStore[] = [];
const stubs: StubServer[] = [];

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

async function proxyAndStore(commandTimeoutMs = NEVER_IN_A_TEST_MS) {
  const proxy = await proxyTo(sharedLocations()[0] as string);
  stubs.push(proxy);
  const store = new DRedisStore([proxy.location], {
    namespace: 'broken-replies',
    commandTimeoutMs,
    connectTimeoutMs: NEVER_IN_A_TEST_MS,
  });
  stores.push(store);
  return { proxy, store };
}

describe('a reply that is cut in half, and the connection closed', () => {
  test('the call rejects, no part of the value is given, and the next connection works', async () => {
    const { proxy, store } = await proxyAndStore();
    const value = 'x'.repeat(10_000);
    await store.set('key', value);
    proxy.onReply = (reply, client) => {
      client.end(reply.subarray(0, reply.length / 2));
      proxy.onReply = undefined;
    };
    const up = nextEvent(store, 'node:up');
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    await up;
    expect(await store.get('key')).toBe(value);
  });

  test('in a call over many keys it is a miss for each, and one error', async () => {
    const { proxy, store } = await proxyAndStore();
    const errors = errorsOf(store);
    await store.setMany(['a', 'b'].map((key) => ({ key, value: key.repeat(1000) })));
    proxy.onReply = (reply, client) => void client.end(reply.subarray(0, 1500));
    expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(NodeUnavailableError);
  });

  test('in the middle of the greeting', async () => {
    const { proxy, store } = await proxyAndStore();
    proxy.onReply = (reply, client) => void client.end(reply.subarray(0, 10));
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    proxy.onReply = undefined;
    await up;
    expect(await store.get('key of nobody')).toBeUndefined();
  });
});

describe('what does not speak Redis', () => {
  test.each<[string, string]>([
    ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['a mail server', '220 mail.example ESMTP\r\n'],
    ['one that talks nonsense', '\u0000\u0001nonsense\r\n$abc\r\n'],
    ['one that closes at once', ''],
  ])('%s is an unavailable node', async (_name, words) => {
    const stub = await stubServer((socket) => socket.end(words));
    stubs.push(stub);
    const store = new DRedisStore([stub.location], { namespace: 'n' });
    stores.push(store);
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    expect(await rejection(store.connect())).toMatchObject({ nodes: [stub.location] });
  });

  test('a real HTTP server', async () => {
    const http = createServer((_request, response) => response.end('hello'));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const store = new DRedisStore([`127.0.0.1:${port}`]);
    expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
    await store.disconnect();
    http.close();
    await once(http, 'close');
  });

  test('a server that goes over to nonsense after it greeted', async () => {
    const { proxy, store } = await proxyAndStore();
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
    expect(await store.get('key of nobody')).toBeUndefined();
  });

  test('a server that goes over to what looks like a reply and has no end', async () => {
    // node-redis waits for the rest of it: the deadline ends it.
    const { proxy, store } = await proxyAndStore(150);
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
    expect(await store.get('key of nobody')).toBeUndefined();
  });
});

test('after nonsense nobody is given the reply to another call', async () => {
  // node-redis drops what it cannot read and reads on: the next reply went to whoever waited for the first.
  const { proxy, store } = await proxyAndStore();
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
