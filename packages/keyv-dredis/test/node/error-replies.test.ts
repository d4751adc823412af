import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { CommandFailedError, type DRedisStore, NodeUnavailableError } from '../../src/index.js';
import {
  DEADLINE_MS,
  entriesOf,
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

// Regression: OOM and READONLY made the whole node unavailable. A full server then lost its reads, and
// delete() and clear(), which would have freed memory, were refused without being sent.
describe('a server that refuses writes', () => {
  let store: DRedisStore;
  let lostKey: string;

  const command = (...args: string[]) => ask(victim.location, args);

  beforeEach(async () => {
    store = openStoreOver(redis.locations, NO_DEADLINES);
    [lostKey] = keysOf(store, victim.location, 1) as [string];
    await store.connect();
  });

  test('because it is a read-only replica stays up, and accepts writes once it is a primary', async () => {
    onCleanUp(() => command('REPLICAOF', 'NO', 'ONE'));
    await command('REPLICAOF', ...(redis.locations[0] as string).split(':'));
    expect(await rejection(store.set(lostKey, 'value'))).toBeInstanceOf(CommandFailedError);
    expect(store.status().nodes[1]?.state).toBe('up');
    expect(await store.get(lostKey)).toBeUndefined();
    expect(await store.has(lostKey)).toBe(false);
    await command('REPLICAOF', 'NO', 'ONE');
    expect(await store.set(lostKey, 'value')).toBe(true);
  });

  test('because it is out of memory stays up, and every read and removal goes on', async () => {
    onCleanUp(() => command('CONFIG', 'SET', 'maxmemory', '0'));
    const keys = keysOf(store, victim.location, 20);
    await store.setMany(keys.map((key) => ({ key, value: 'value' })));
    await command('CONFIG', 'SET', 'maxmemory', '1');
    expect((await rejection(store.set(lostKey, 'value'))).message).toContain('OOM');
    expect(store.status().nodes.map(({ state }) => state)).toEqual(['up', 'up']);
    expect(await store.getMany(keys)).toEqual(keys.map(() => 'value'));
    expect(await store.has(keys[0] as string)).toBe(true);
    expect((await entriesOf(store)).length).toBeGreaterThanOrEqual(keys.length);
    expect(await store.delete(keys[0] as string)).toBe(true);
    await store.clear();
    expect(await store.hasMany(keys)).toEqual(keys.map(() => false));
    await command('CONFIG', 'SET', 'maxmemory', '0');
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

  test.each(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN'])(
    '%s is down until two probes on the same connection succeed',
    async (word) => {
      answerOnce(`${word} for some reason`);
      const up = nextEvent(store, 'node:up');
      const error = await rejection(store.get('key'));
      expect(error).toBeInstanceOf(CommandFailedError);
      expect(store.status().nodes).toMatchObject([{ state: 'down', reason: error }]);
      expect(await rejection(store.get('key'))).toBeInstanceOf(NodeUnavailableError);
      await up;
      const probes = requests.slice(1).filter((request) => request.includes('%dredis:probe'));
      expect(probes).toEqual([PROBE, PROBE]);
      expect(proxy.connectionCount).toBe(1);
      expect(states.map(([event]) => event)).toEqual(['node:down', 'node:returning', 'node:up']);
    },
  );

  test.each(['NOPERM', 'OOM', 'READONLY', 'MISCONF', 'NOREPLICAS', 'LOADINGS', 'BUSYGROUP'])(
    '%s stays up',
    async (word) => {
      answerOnce(`${word} for some reason`);
      expect(await rejection(store.get('key'))).toBeInstanceOf(CommandFailedError);
      expect(await store.get('none')).toBeUndefined();
      expect(states).toEqual([]);
    },
  );

  test('WRONGTYPE stays up, and the read finds nothing', async () => {
    answerOnce('WRONGTYPE for some reason');
    expect(await store.get('key')).toBeUndefined();
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
      statesBetween.push(...store.status().nodes.map(({ state }) => state));
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
