import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisStore,
  type DRedisStoreOptions,
  NodeUnavailableError,
} from '../../src/index.js';
import { DEADLINE_MS, NO_DEADLINES } from '../support/deadlines.js';
import { entriesOf, MAJORS, makeKeyv } from '../support/keyvs.js';
import { errorsOf, keysOf, nextEvent, rejection, timeOut } from '../support/stores.js';
import { type ProxyServer, proxyTo } from '../support/stub-server.js';

// What becomes of a node that fails, as the store tells it, and of its keys.

let redis: RedisServers;
let victim: RedisServer;
let store: DRedisStore;
let events: unknown[][];
let lost: string;
let kept: string;

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
  victim = redis.servers[1] as RedisServer;
});

afterAll(() => redis?.stop());

function open(options: DRedisStoreOptions = {}): void {
  store = new DRedisStore(redis.locations, { ...NO_DEADLINES, ...options });
  events = recordEvents(store);
  [lost] = keysOf(store, victim.location, 1) as [string];
  [kept] = keysOf(store, redis.locations[0] as string, 1) as [string];
}

function recordEvents(of: DRedisStore): unknown[][] {
  const recorded: unknown[][] = [];
  for (const event of ['node:suspect', 'node:down', 'node:returning', 'node:up'] as const) {
    of.on(event, (...args) => recorded.push([event, ...args]));
  }
  return recorded;
}

const told = () => events.map(([event, node]) => `${event} ${node === victim.location}`);

beforeEach(() => open());

afterEach(async () => {
  await victim.resume();
  await victim.start();
  await store.disconnect();
});

describe('a server that is killed and started again', () => {
  test('is told of state by state, with the reason and how long it took', async () => {
    await store.connect();
    expect(store.status()).toMatchObject(redis.locations.map((name) => ({ name, state: 'up' })));
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    expect(await down).toEqual([victim.location, expect.any(NodeUnavailableError), expect.any(Number)]);
    expect(store.status()).toMatchObject([
      { state: 'up', reason: undefined },
      { name: victim.location, state: 'down', reason: expect.any(NodeUnavailableError) },
    ]);
    const up = nextEvent(store, 'node:up');
    await victim.start();
    const [, reason, outageMs] = await up;
    expect(reason).toBeInstanceOf(NodeUnavailableError);
    expect(outageMs).toBeGreaterThan(0);
    expect(told()).toEqual(['node:down true', 'node:returning true', 'node:up true']);
    expect(await store.set(lost, 'value')).toBe(true);
  });

  test('is back at once for a connect() that finds it', async () => {
    await store.connect();
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    await down;
    await victim.start();
    await store.connect();
    expect(store.status()[1]?.state).toBe('up');
    expect(await store.set(lost, 'value')).toBe(true);
  });
});

describe('a server that stops answering', () => {
  beforeEach(async () => {
    await store.disconnect();
    open({ commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS });
    await store.connect();
    await victim.pause();
  });

  test('is a suspect with the first timeout, and down with the third in a row', async () => {
    expect(await rejection(store.has(lost))).toBeInstanceOf(CommandTimeoutError);
    expect(store.status()[1]).toMatchObject({ state: 'suspect', reason: expect.any(CommandTimeoutError) });
    await timeOut(store, lost);
    expect(store.status()[1]?.state).toBe('down');
    expect(told()).toEqual(['node:suspect true', 'node:down true']);
    expect((await rejection(store.has(lost))).message).toMatch(
      // The first attempt to bring it back may have failed by now.
      /^Node \S+ is unavailable: (it did not answer within 2000 ms \(comm|no greeting within 2000 ms \(conn)/,
    );
    const up = nextEvent(store, 'node:up');
    await victim.resume();
    await up;
    expect(told().slice(2)).toEqual(['node:returning true', 'node:up true']);
  });

  test('for one command is a suspect until it answers the next one', async () => {
    for (let times = 0; times < 3; times += 1) {
      await victim.pause();
      expect(await rejection(store.has(lost))).toBeInstanceOf(CommandTimeoutError);
      await victim.resume();
      await store.has(lost);
    }
    expect(told()).toEqual(Array(3).fill(['node:suspect true', 'node:up true']).flat());
  });
});

test('a server that goes away before the first connection is told of once, and one that is there not at all', async () => {
  await victim.kill();
  expect(store.status()[1]).toMatchObject({ state: 'up', reason: undefined });
  const outcomes = await Promise.all([rejection(store.get(lost)), rejection(store.set(lost, 'value'))]);
  for (const error of outcomes) expect(error).toBeInstanceOf(NodeUnavailableError);
  expect(await store.get(kept)).toBeUndefined();
  expect(told()).toEqual(['node:down true']);
});

test('while it is down, every call fails before a timer or a socket has its turn', async () => {
  await store.connect();
  const down = nextEvent(store, 'node:down');
  await victim.kill();
  await down;
  const outcome = rejection(store.set(lost, 'value'));
  let microtasks = 0;
  const settled = outcome.then(() => microtasks);
  for (; microtasks < 20; microtasks += 1) await Promise.resolve();
  expect(await settled).toBeLessThan(10);
});

describe('a server that answers PING and cannot do its work', () => {
  let admin: ReturnType<typeof createClient>;

  beforeEach(async () => {
    admin = createClient({ url: `redis://${victim.location}` });
    await admin.connect();
    await store.connect();
  });

  afterEach(async () => {
    await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await admin.configSet('maxmemory', '0');
    await admin.close();
  });

  test('because it is a read-only replica: down, until it is a primary again', async () => {
    await admin.sendCommand(['REPLICAOF', ...(redis.locations[0] as string).split(':')]);
    expect(await rejection(store.set(lost, 'value'))).toBeInstanceOf(CommandFailedError);
    expect(store.status()[1]?.state).toBe('down');
    expect(await rejection(store.get(lost))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await up;
    expect(await store.set(lost, 'value')).toBe(true);
  });

  test('because it is out of memory: down, until it has some again', async () => {
    await admin.configSet('maxmemory', '1');
    expect((await rejection(store.set(lost, 'value'))).message).toContain('OOM');
    expect(store.status()[1]?.state).toBe('down');
    const up = nextEvent(store, 'node:up');
    await admin.configSet('maxmemory', '0');
    await up;
    expect(await store.set(lost, 'value')).toBe(true);
  });
});

describe('a server that answers a read with an error', () => {
  const PROBE = ['*5', '$3', 'SET', '$13', '%dredis:probe', '$0', '', '$2', 'PX', '$1', '1', ''].join('\r\n');
  let proxy: ProxyServer;
  const asked: string[] = [];

  beforeEach(async () => {
    proxy = await proxyTo(victim.location);
    await store.disconnect();
    store = new DRedisStore([proxy.location], { ...NO_DEADLINES, commandTimeoutMs: DEADLINE_MS });
    events = recordEvents(store);
    await store.connect();
    asked.length = 0;
    proxy.onRequest = (request) => {
      asked.push(request.toString());
      return request;
    };
  });

  afterEach(async () => {
    await store.disconnect();
    await proxy.stop();
  });

  const answerOnce = (words: string) => {
    proxy.onReply = (_reply, client) => {
      proxy.onReply = undefined;
      client.write(`-${words}\r\n`);
    };
  };

  test.each(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN'])(
    '%s: down, until it has written twice',
    async (word) => {
      answerOnce(`${word} for some reason`);
      const up = nextEvent(store, 'node:up');
      const error = await rejection(store.get('key'));
      expect(error).toBeInstanceOf(CommandFailedError);
      expect(store.status()).toMatchObject([{ state: 'down', reason: error }]);
      expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
      await up;
      const probes = asked.slice(1).filter((request) => request.includes('%dredis:probe'));
      expect(probes).toEqual([PROBE, PROBE]);
      expect(proxy.connectionCount).toBe(1);
      expect(events.map(([event]) => event)).toEqual(['node:down', 'node:returning', 'node:up']);
    },
  );

  test.each(['WRONGTYPE', 'NOPERM', 'BUSY', 'OOMPH'])('%s: up as before', async (word) => {
    answerOnce(`${word} for some reason`);
    expect(await rejection(store.get('key'))).toBeInstanceOf(CommandFailedError);
    expect(await store.get('key of nobody')).toBeUndefined();
    expect(events).toEqual([]);
  });

  test('and then goes silent: asked over a new connection', async () => {
    answerOnce('LOADING for some reason');
    store.once('node:down', () => {
      let silent: unknown;
      proxy.onReply = (reply, client) => {
        silent ??= client;
        if (client !== silent) client.write(reply);
      };
    });
    const up = nextEvent(store, 'node:up');
    await rejection(store.get('key'));
    await up;
    expect(proxy.connectionCount).toBe(2);
  });

  test('and is lost between the two signs of life: down again, and asked for two more', async () => {
    const states: string[] = [];
    store.once('node:returning', () => {
      states.push(...store.status().map(({ state }) => state));
      proxy.onReply = (_reply, client) => {
        proxy.onReply = undefined;
        client.destroy();
      };
    });
    answerOnce('LOADING for some reason');
    const up = nextEvent(store, 'node:up');
    await rejection(store.get('key'));
    await up;
    expect(states).toEqual(['returning']);
    expect(asked.filter((request) => request === PROBE)).toHaveLength(4);
    expect(events.map(([event]) => event)).toEqual(
      ['down', 'returning', 'down', 'returning', 'up'].map((state) => `node:${state}`),
    );
  });
});

describe.each(MAJORS)("nodeDownPolicy: 'miss' under %s", (_title, major) => {
  test('reads are misses, writes answer false, and nothing but the change of state is told', async () => {
    await store.disconnect();
    open({ nodeDownPolicy: 'miss', namespace: 'miss' });
    const ring = (node: string) => keysOf(store, node, 1)[0] as string;
    [lost, kept] = [ring(victim.location), ring(redis.locations[0] as string)];
    const keyv = makeKeyv(major, store, { namespace: 'miss' });
    const errors: unknown[] = [];
    keyv.on('error', (error) => errors.push(error));
    await keyv.set(lost, 'old');
    await keyv.set(kept, 'value');
    const down = nextEvent(store, 'node:down');
    await victim.kill();
    await down;
    expect([
      await keyv.get(lost),
      await keyv.has(lost),
      await keyv.getMany([lost, kept]),
      await keyv.hasMany([lost, kept]),
      await keyv.set(lost, 'new'),
      await keyv.delete(lost),
      await keyv.setMany([
        { key: lost, value: 'new' },
        { key: kept, value: 'newer' },
      ]),
      await keyv.get(kept),
      (await entriesOf(keyv)).length,
    ]).toEqual([
      undefined,
      false,
      [undefined, 'value'],
      [false, true],
      false,
      false,
      [false, true],
      'newer',
      1,
    ]);
    expect(errors).toEqual([]);
    expect(told()).toEqual(['node:down true']);
    expect(await rejection(store.clear())).toMatchObject({ nodes: [victim.location] });
  });
});

test("the default is 'error': calls are told of by errors", async () => {
  await store.connect();
  const errors = errorsOf(store);
  const down = nextEvent(store, 'node:down');
  await victim.kill();
  await down;
  expect(await rejection(store.get(lost))).toBeInstanceOf(NodeUnavailableError);
  expect(await store.getMany([lost, kept])).toEqual([undefined, undefined]);
  expect(errors).toHaveLength(1);
});
