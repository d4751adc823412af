import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import KeyvRedis, { createKeyv as createKeyvRedis } from '@keyv/redis';
import { Keyv as Keyv6 } from 'keyv';
import { Keyv as Keyv5 } from 'keyv5';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { anyCommand } from '../../examples/any-command.js';
import { underApollo } from '../../examples/apollo.js';
import { overCacheManager } from '../../examples/cache-manager.js';
import { overCacheable } from '../../examples/cacheable.js';
import { overCachified } from '../../examples/cachified.js';
import { oneCall } from '../../examples/create-keyv.js';
import { errorCodes } from '../../examples/error-codes.js';
import { overGot } from '../../examples/got.js';
import { hashRing } from '../../examples/hash-ring.js';
import { underKeyv5 } from '../../examples/keyv-5.js';
import { fromCreateKeyv, fromKeyvRedis, fromOneToSeveral } from '../../examples/migrating.js';
import { namespaces } from '../../examples/namespaces.js';
import { overNest } from '../../examples/nest.js';
import { nodeEvents } from '../../examples/node-events.js';
import { options } from '../../examples/options.js';
import { quickStart } from '../../examples/quick-start.js';
import { reshard } from '../../examples/reshard.js';
import { overTls } from '../../examples/tls.js';
import { updateNodes } from '../../examples/update-nodes.js';
import { weights } from '../../examples/weights.js';
import { withoutKeyv } from '../../examples/without-keyv.js';
import { createKeyv, DRedisStore } from '../../src/index.js';
import { Authority } from '../support/certificates.js';
import { connectClient } from '../support/clients.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations, startTlsServers } from '../support/servers.js';
import { nextEvent } from '../support/stores.js';

// docs.unit.test.ts compares the code in README.md and docs/ with these examples. This file runs the
// examples.

const USER = { name: 'Ada' };

describe('each example runs and returns what its documentation says', () => {
  test('quick-start.ts reads one user and misses the other', async () => {
    expect(await quickStart(sharedLocations())).toEqual([USER, undefined]);
  });

  test('create-keyv.ts reads what it wrote', async () => {
    expect(await oneCall(sharedLocations())).toEqual(USER);
  });

  test('keyv-5.ts reads what it wrote', async () => {
    expect(await underKeyv5(sharedLocations())).toEqual(USER);
  });

  test('without-keyv.ts reads a string, a Buffer and a miss', async () => {
    const values = ['hello', Buffer.from([0xff, 0xd8]), undefined];
    expect(await withoutKeyv(sharedLocations())).toEqual(values);
  });

  test('namespaces.ts clears only one namespace', async () => {
    expect(await namespaces(sharedLocations())).toEqual(['Ada', undefined]);
  });

  test('any-command.ts counts, locks once and touches', async () => {
    expect(await anyCommand(sharedLocations())).toEqual([1, 'OK', null, 1]);
  });

  test('cacheable.ts reads what it wrote', async () => {
    expect(await overCacheable(sharedLocations())).toEqual(USER);
  });

  test('cache-manager.ts returns the computed page', async () => {
    expect(await overCacheManager(sharedLocations())).toBe('<h1>home</h1>');
  });

  test('got.ts answers the second request from Redis', async () => {
    expect(await overGot(sharedLocations())).toEqual(['request 1', 'request 1']);
  });

  test('nest.ts reads what it wrote', async () => {
    expect(await overNest(sharedLocations())).toEqual(USER);
  });

  test('apollo.ts finds a persisted query in Redis', async () => {
    expect(await underApollo(sharedLocations())).toEqual(['hello', 1]);
  });

  test('cachified.ts computes a value once', async () => {
    const first = { name: 'Ada', call: 1 };
    expect(await overCachified(sharedLocations())).toEqual([first, first]);
  });

  test('options.ts writes under the keys that docs/options.md names', async () => {
    await using redis = await startRedis({ count: 1 });
    const keys = ['app:options', ...Array(4).fill('keyv:options'), 'options', 'keyv:options'];
    expect(await options(redis.locations[0] as string)).toEqual(keys);
  });

  test('weights.ts stores about twice as many keys on the server with weight 2', async () => {
    const [one = 0, two = 0] = await weights(sharedLocations());
    expect(two / one).toBeGreaterThan(1.6);
    expect(two / one).toBeLessThan(2.5);
  });

  test('update-nodes.ts moves about a fifth of the keys to the fifth server', async () => {
    await using fifth = await startRedis({ count: 1 });
    const moved = await updateNodes([...sharedLocations(), ...fifth.locations]);
    expect(moved / 1000).toBeGreaterThan(0.1);
    expect(moved / 1000).toBeLessThan(0.3);
  });

  test('reshard.ts adds a server for two stores, and no entry is missed', async () => {
    await using redis = await startRedis({ count: 4 });
    const print = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const { summary, hits, log } = await reshard([...redis.locations]);
    print.mockRestore();
    expect(summary).toMatchObject({ epoch: 2, isStopped: false });
    expect(summary.movedCount).toBeGreaterThan(100);
    expect(hits).toBe(1000);
    expect(log).toEqual(['entries move: 4 servers', 'no entries move: 4 servers']);
  });

  test('node-events.ts logs that a server is killed and returns', async () => {
    await using redis = await startRedis({ count: 2 });
    const server = redis.servers[1] as RedisServer;
    const log = await nodeEvents([...redis.locations], async (store) => {
      const down = nextEvent(store, 'node:down');
      await server.kill();
      await down;
      const up = nextEvent(store, 'node:up');
      await server.start();
      await up;
    });
    expect(log).toEqual([
      `${server.location} is down: DREDIS_NODE_UNAVAILABLE`,
      expect.stringMatching(`^${server.location} was away for [\\d.]+ ms$`),
      ...redis.locations.map((name) => expect.stringMatching(`^${name} up for \\d+ ms $`)),
    ]);
  });

  test('error-codes.ts finds out which server clear() did not reach', async () => {
    await using redis = await startRedis({ count: 2 });
    await redis.servers[1]?.kill();
    const seen = ['DREDIS_CLEAR_INCOMPLETE', [redis.locations[1]]];
    expect(await errorCodes([...redis.locations])).toEqual(seen);
  });

  test('tls.ts reads what it wrote from servers that ask for a client certificate', async () => {
    const authority = new Authority('servers');
    const redis = await startTlsServers(2, authority.issue('server'), authority.cert);
    const certificate = authority.issue('client');
    const greeting = await overTls([...redis.locations], { ca: authority.cert, ...certificate });
    expect(greeting).toBe('hello');
  });

  test('migrating.ts keeps hits on all keys', async () => {
    await using redis = await startRedis({ count: 4 });
    expect(await fromOneToSeveral([...redis.locations])).toBe(1000);
  });

  test('hash-ring.ts computes the effect of a fifth server', () => {
    const [owner, fraction, svg] = hashRing();
    expect(owner).toMatch(/^10\.0\.0\.[1-4]:6379$/);
    expect(fraction).toBeGreaterThan(0.15);
    expect(fraction).toBeLessThan(0.25);
    expect(svg).toMatch(/^<svg .*10\.0\.0\.5:6379/s);
  });
});

describe('the keys that docs/migrating.md names', () => {
  let redis: RedisServers;
  let servers: PlainServers;
  let table: string[][];

  beforeAll(async () => {
    redis = await startRedis({ count: 1 });
    servers = await PlainServers.connect(redis.locations);
    const page = await readFile(new URL('../../../../docs/migrating.md', import.meta.url), 'utf8');
    table = [...page.matchAll(/^\| (.+) \| `(\S+)` \| `(\S+)` \|$/gm)].map((row) => row.slice(1));
  });

  afterEach(() => servers.remove(''));

  afterAll(async () => {
    await servers?.close();
    await redis?.stop();
  });

  const url = () => `redis://${redis.locations[0]}`;
  const theirs = () => new KeyvRedis(url());
  const ours = () => new DRedisStore(redis.locations);
  const SETUPS: Record<string, [theirs: () => AnyCache, ours: () => AnyCache]> = {
    "Keyv 6, `namespace: 'app'`": [
      () => new Keyv6({ store: theirs(), namespace: 'app' }),
      () => new Keyv6({ store: ours(), namespace: 'app' }),
    ],
    'Keyv 6, no namespace': [() => new Keyv6({ store: theirs() }), () => new Keyv6({ store: ours() })],
    "Keyv 5, `namespace: 'app'`": [
      () => new Keyv5({ store: theirs(), namespace: 'app' }),
      () => new Keyv5({ store: ours(), namespace: 'app' }),
    ],
    'Keyv 5, no namespace': [() => new Keyv5({ store: theirs() }), () => new Keyv5({ store: ours() })],
    "Keyv 5, `useKeyPrefix: false`, `namespace: 'app'`": [
      () => new Keyv5({ store: theirs(), namespace: 'app', useKeyPrefix: false }),
      () => new Keyv5({ store: ours(), namespace: 'app', useKeyPrefix: false }),
    ],
    "`createKeyv`, `namespace: 'app'`": [
      () => createKeyvRedis(url(), { namespace: 'app' }),
      () => createKeyv(redis.locations, { namespace: 'app' }),
    ],
    '`createKeyv`, no namespace': [() => createKeyvRedis(url()), () => createKeyv(redis.locations)],
  };

  test('are listed for every set-up', () => {
    expect(table.map(([setup]) => setup)).toEqual(Object.keys(SETUPS));
  });

  test.each(Object.keys(SETUPS))('are written by both adapters with the same values (%s)', async (setup) => {
    const [, ...keys] = table.find(([name]) => name === setup) as string[];
    const written: (readonly [keys: readonly string[], value: string | null])[] = [];
    for (const open of SETUPS[setup] ?? []) {
      const cache = open();
      await cache.set('user:1', USER);
      await cache.disconnect();
      const [key = '', ...more] = await servers.keys('');
      written.push([[key, ...more], await servers.get(key)]);
      await servers.remove('');
    }
    expect(written).toEqual(keys.map((key) => [[key], JSON.stringify({ value: USER })]));
  });

  test('written by @keyv/redis are read by both examples in migrating.ts', async () => {
    const cache = createKeyvRedis(url(), { namespace: 'app' });
    await cache.set('user:1', USER);
    await cache.disconnect();
    const location = redis.locations[0] as string;
    expect([await fromKeyvRedis(location), await fromCreateKeyv(location)]).toEqual([USER, USER]);
  });

  // What @keyv/redis 3.0.1, which uses ioredis, writes under Keyv 4.
  test('written by @keyv/redis 2 and 3 are read under both majors of Keyv', async () => {
    const client = await connectClient(redis.locations[0] as string);
    await client.set('app:user:1', JSON.stringify({ value: USER, expires: null }));
    await client.sAdd('namespace:app', 'app:user:1');
    for (const Keyv of [Keyv5, Keyv6] as (typeof Keyv6)[]) {
      const cache = new Keyv({ store: ours() as never, namespace: 'app' });
      expect(await cache.get('user:1')).toEqual(USER);
      await cache.disconnect();
    }
  });

  test('of the namespace a: are those of the namespace a with keySeparator :::', async () => {
    const cache = createKeyvRedis(url(), { namespace: 'a:' });
    await cache.set('user:1', USER);
    await cache.disconnect();
    const options = { namespace: 'a', keyFormat: 'keyv-redis', keySeparator: ':::' } as const;
    const moved = createKeyv(url(), options);
    expect(await moved.get('user:1')).toEqual(USER);
    await moved.disconnect();
  });
});

/** A Keyv of either major version, with the methods that these tests use. */
interface AnyCache {
  set(key: string, value: unknown): Promise<unknown>;
  disconnect(): Promise<unknown>;
}
