import type { Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions } from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import {
  connectClient,
  DEADLINE_MS,
  makeTemporaryFolder,
  NO_DEADLINES,
  onCleanUp,
  openStoreOver,
  type ProxyServer,
  rejection,
  startProxy,
  startServer,
  startTlsServers,
  startUnixProxy,
  timeOut,
  until,
} from '../support/index.js';

// A long value on a slow line takes longer than commandTimeoutMs. The commands behind it time out. But while its
// bytes come in or go out, the server is alive, and the connection is kept.

const MIB = 2 ** 20;

/** A slow line would need 16 s for this value. The tests need two time limits (4 s), and then open or stop the line. */
const LONG = 'x'.repeat(16 * MIB);

let server: RedisServer;
let proxy: ProxyServer;
let store: DRedisStore;
let downs: string[];

beforeAll(async () => {
  server = await startServer();
});

beforeEach(async () => {
  openOver(await startProxy(server.location));
});

/** Opens the store over a proxy. */
function openOver(newProxy: ProxyServer, options?: DRedisStoreOptions): void {
  proxy = newProxy;
  store = openStoreOver([proxy.location], { namespace: 'slow', commandTimeoutMs: DEADLINE_MS, ...options });
  const names: string[] = [];
  store.on('node:down', (name) => names.push(name));
  downs = names;
}

/** Stores the long value directly. */
async function storeDirectly({ location } = server, options?: DRedisStoreOptions): Promise<void> {
  const direct = openStoreOver([location], { namespace: 'slow', ...NO_DEADLINES, ...options });
  await direct.set('long', LONG);
}

/**
 * Decides when bytes may pass: 1 MiB per second. The rate depends on the clock, not on the ticks of a timer, so a
 * busy machine does not slow the line further.
 */
class SlowLine {
  /** Number of bytes that have passed. */
  passed = 0;
  #bytesPerMs = MIB / 1000;
  readonly #startedAt = performance.now();

  /** @param passOn lets waiting bytes pass while the line is free; called periodically */
  constructor(passOn: () => void) {
    const timer = setInterval(passOn, 20);
    onCleanUp(() => clearInterval(timer));
  }

  get isFree(): boolean {
    return this.passed < (performance.now() - this.#startedAt) * this.#bytesPerMs;
  }

  /** From now on, nothing passes. */
  stop(): void {
    this.#bytesPerMs = 0;
  }

  /** From now on, the line is fast. */
  open(): void {
    this.#bytesPerMs = Number.POSITIVE_INFINITY;
  }
}

function slowReplies(): SlowLine {
  const waiting: [reply: Buffer, toClient: Socket][] = [];
  proxy.onReply = (...reply) => void waiting.push(reply);
  const line = new SlowLine(() => {
    while (line.isFree && waiting.length > 0) {
      const [reply, toClient] = waiting.shift() as [Buffer, Socket];
      line.passed += reply.length;
      toClient.write(reply);
    }
  });
  return line;
}

/** Slows the requests on the next connection. */
async function slowRequests(): Promise<SlowLine> {
  const connection = proxy.nextConnection();
  await store.connect();
  const socket = await connection;
  // Before the first long value, the store asks the server for its limit.
  await store.set('long', 'x'.repeat(2 * MIB));
  await store.delete('long');
  const line = new SlowLine(() => {
    if (line.isFree) socket.resume();
  });
  proxy.onRequest = (request) => {
    line.passed += request.length;
    if (!line.isFree) socket.pause();
    return request;
  };
  return line;
}

/** Sends three commands, enough to take a silent node down, and waits until they time out. */
async function expectTimeouts(): Promise<void> {
  const timeout = { code: 'DREDIS_COMMAND_TIMEOUT' };
  expect(await timeOut(store, 'small')).toMatchObject([timeout, timeout, timeout]);
}

/** Waits until a call with the long value has timed out, and three commands behind it. */
async function expectLongCallToTimeOut(line: SlowLine, call: Promise<unknown>): Promise<void> {
  const long = rejection(call);
  await until(() => line.passed > 0);
  await expectTimeouts();
  expect(await long).toMatchObject({ code: 'DREDIS_COMMAND_TIMEOUT' });
}

/** Expects a node that is suspect but not down, and that works as soon as the rest of the value has passed. */
async function expectToWorkAfter(line: SlowLine): Promise<void> {
  expect([store.status().nodes[0]?.state, downs, proxy.connectionCount]).toEqual(['suspect', [], 1]);
  expect(line.passed).toBeLessThan(LONG.length);
  line.open();
  await until(() => line.passed > LONG.length);
  expect(await store.set('small', 'value')).toBe(true);
  expect(await store.get('small')).toBe('value');
  expect([store.status().nodes[0]?.state, downs, proxy.connectionCount]).toEqual(['up', [], 1]);
}

// Regression: after three timeouts, the node was down and the connection was dropped, so that the long value
// never arrived.
test('a node is not down while a long reply comes in slowly, and answers after it', async () => {
  await storeDirectly();
  await store.connect();
  const line = slowReplies();
  await expectLongCallToTimeOut(line, store.get('long'));
  await expectTimeouts();
  await expectToWorkAfter(line);
});

test('a node is down if a long reply stops in the middle', async () => {
  await storeDirectly();
  await store.connect();
  const line = slowReplies();
  await expectLongCallToTimeOut(line, store.get('long'));
  expect(downs).toEqual([]);
  line.stop();
  await timeOut(store, 'small');
  expect(downs).toEqual([proxy.location]);
});

// A Unix socket, because the system buffers only a part of a MiB. It buffers up to 36 MiB of a TCP connection: the
// store does not see how these bytes move, and has to wait for them after its own last byte.
describe('a long request that goes out slowly', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await makeTemporaryFolder('dredis-');
  });

  beforeEach(async () => {
    openOver(await startUnixProxy(server.location, join(folder, 'proxy.sock')));
  });

  test('does not take the node down', async () => {
    const line = await slowRequests();
    await expectLongCallToTimeOut(line, store.set('long', LONG));
    await expectTimeouts();
    await expectToWorkAfter(line);
  });

  // Regression: the command that reads the topology record again was behind the long value, too.
  test('does not take the node down if another database of the server is flushed meanwhile', async () => {
    const line = await slowRequests();
    const call = store.set('long', LONG);
    await until(() => line.passed > 0);
    await (await connectClient(server.location, 1)).flushDb();
    await expectLongCallToTimeOut(line, call);
    await expectToWorkAfter(line);
  });

  test('takes the node down if it stops in the middle', async () => {
    const line = await slowRequests();
    await expectLongCallToTimeOut(line, store.set('long', LONG));
    expect(downs).toEqual([]);
    line.stop();
    // The store looks at the line twice per time limit, so the first commands may time out before it sees the stop.
    for (let round = 0; downs.length === 0 && round < 3; round += 1) await timeOut(store, 'small');
    expect(downs).toEqual([proxy.location]);
  });
});

test('a node whose server is frozen while nothing moves is down after three timeouts', async () => {
  await store.set('small', 'value');
  await server.pause();
  await expectTimeouts();
  expect(downs).toEqual([proxy.location]);
});

// Node.js 20 does not publish TLS sockets, so timeouts count there.
const hasTlsSockets = Number(process.versions.node.split('.')[0]) >= 22;

test('a node with TLS is not down while a long reply comes in, except on Node.js 20', async () => {
  const authority = new Authority('authority');
  const certificate = authority.issue('server');
  const tls = { ca: authority.cert };
  const secure = (await startTlsServers(1, certificate)).servers[0] as RedisServer;
  openOver(await startProxy(secure.location), { tls });
  await storeDirectly(secure, { tls });
  await store.connect();
  const line = slowReplies();
  const long = rejection(store.get('long'));
  await until(() => line.passed > 0);
  await timeOut(store, 'small');
  await long;
  expect(downs.length === 0).toBe(hasTlsSockets);
});
