import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { CommandFailedError, type DRedisStore, NodeUnavailableError } from '../../src/index.js';
import {
  DEADLINE_MS,
  keysOf,
  NO_DEADLINES,
  nextEvent,
  onCleanUp,
  openStoreOver,
  type ProxyServer,
  rejection,
  startProxy,
  startServers,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

// If an error reply means that the server cannot handle requests, the node goes down at once. Other error
// replies do not affect the node.

let redis: RedisServers;
let victim: RedisServer;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  victim = redis.servers[1] as RedisServer;
});

describe('a server that answers PING but refuses writes', () => {
  let store: DRedisStore;
  let lostKey: string;

  const command = (...args: string[]) => ask(victim.location, args);

  beforeEach(async () => {
    store = openStoreOver(redis.locations, NO_DEADLINES);
    [lostKey] = keysOf(store, victim.location, 1) as [string];
    await store.connect();
  });

  test('is down while it is a read-only replica, and up once it is a primary again', async () => {
    onCleanUp(() => command('REPLICAOF', 'NO', 'ONE'));
    await command('REPLICAOF', ...(redis.locations[0] as string).split(':'));
    expect(await rejection(store.set(lostKey, 'value'))).toBeInstanceOf(CommandFailedError);
    expect(store.status()[1]?.state).toBe('down');
    expect(await rejection(store.get(lostKey))).toBeInstanceOf(NodeUnavailableError);
    const up = nextEvent(store, 'node:up');
    await command('REPLICAOF', 'NO', 'ONE');
    await up;
    expect(await store.set(lostKey, 'value')).toBe(true);
  });

  test('is down while it is out of memory, and up once it has memory again', async () => {
    onCleanUp(() => command('CONFIG', 'SET', 'maxmemory', '0'));
    await command('CONFIG', 'SET', 'maxmemory', '1');
    expect((await rejection(store.set(lostKey, 'value'))).message).toContain('OOM');
    expect(store.status()[1]?.state).toBe('down');
    const up = nextEvent(store, 'node:up');
    await command('CONFIG', 'SET', 'maxmemory', '0');
    await up;
    expect(await store.set(lostKey, 'value')).toBe(true);
  });
});

describe('a server that answers one read with', () => {
  const PROBE = ['*5', '$3', 'SET', '$13', '%dredis:probe', '$0', '', '$2', 'PX', '$1', '1', ''].join('\r\n');
  let proxy: ProxyServer;
  let store: DRedisStore;
  let states: [event: string, node: string][];
  let requests: string[];

  beforeEach(async () => {
    proxy = await startProxy(victim.location);
    store = openStoreOver([proxy.location], { ...NO_DEADLINES, commandTimeoutMs: DEADLINE_MS });
    states = recordStates(store);
    await store.connect();
    requests = [];
    proxy.onRequest = (request) => {
      requests.push(request.toString());
      return request;
    };
  });

  function answerOnce(error: string): void {
    proxy.onReply = (_reply, client) => {
      proxy.onReply = undefined;
      client.write(`-${error}\r\n`);
    };
  }

  test.each(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN'])(
    '%s is down until two probes on the same connection succeed',
    async (word) => {
      answerOnce(`${word} for some reason`);
      const up = nextEvent(store, 'node:up');
      const error = await rejection(store.get('key'));
      expect(error).toBeInstanceOf(CommandFailedError);
      expect(store.status()).toMatchObject([{ state: 'down', reason: error }]);
      expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
      await up;
      const probes = requests.slice(1).filter((request) => request.includes('%dredis:probe'));
      expect(probes).toEqual([PROBE, PROBE]);
      expect(proxy.connectionCount).toBe(1);
      expect(states.map(([event]) => event)).toEqual(['node:down', 'node:returning', 'node:up']);
    },
  );

  test.each(['WRONGTYPE', 'NOPERM', 'BUSY', 'OOMPH'])('%s stays up', async (word) => {
    answerOnce(`${word} for some reason`);
    expect(await rejection(store.get('key'))).toBeInstanceOf(CommandFailedError);
    expect(await store.get('none')).toBeUndefined();
    expect(states).toEqual([]);
  });

  test('LOADING and then goes silent is probed on a new connection', async () => {
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

  test('LOADING and disconnects between the two probes is down again, and is probed twice more', async () => {
    const statesBetween: string[] = [];
    store.once('node:returning', () => {
      statesBetween.push(...store.status().map(({ state }) => state));
      proxy.onReply = (_reply, client) => {
        proxy.onReply = undefined;
        client.destroy();
      };
    });
    answerOnce('LOADING for some reason');
    const up = nextEvent(store, 'node:up');
    await rejection(store.get('key'));
    await up;
    expect(statesBetween).toEqual(['returning']);
    expect(requests.filter((request) => request === PROBE)).toHaveLength(4);
    expect(states.map(([event]) => event)).toEqual(
      ['down', 'returning', 'down', 'returning', 'up'].map((state) => `node:${state}`),
    );
  });
});
