import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions, Location } from '../../src/index.js';
import {
  keysOn,
  openReady,
  presentState,
  untilAllServe,
  untilAway,
  untilDone,
  untilVoting,
} from '../support/failovers.js';
import {
  connectClient,
  connectPlain,
  DEADLINE_MS,
  errorsOf,
  keysOf,
  nextEvent,
  openStoreOver,
  rejection,
  startServers,
  until,
} from '../support/index.js';

// How many nodes may be lost, and what keeps the processes from removing a lost node.

let redis: RedisServers;
let servers: readonly RedisServer[];
let five: readonly string[];

beforeAll(async () => {
  redis = await startServers({ count: 5 });
  servers = redis.servers;
  five = redis.locations;
});

beforeEach(() => Promise.all(five.map((location) => ask(location, ['FLUSHALL']))));

async function open(locations: readonly string[], options?: DRedisStoreOptions): Promise<DRedisStore> {
  const store = await openReady(locations, options);
  await untilVoting(locations);
  return store;
}

/** A key of each node. */
const keysOfAll = (store: DRedisStore, names: readonly string[]) =>
  names.map((name) => keysOf(store, name, 1)[0] as string);

async function expectToWork(store: DRedisStore, keys: readonly string[]): Promise<void> {
  const value = `value ${Math.random()}`;
  expect(await store.setMany(keys.map((key) => ({ key, value })))).toEqual(keys.map(() => true));
  expect(await store.getMany(keys)).toEqual(keys.map(() => value));
}

const start = (names: readonly string[]) =>
  Promise.all(servers.filter(({ location }) => names.includes(location)).map((server) => server.start()));

const kill = (names: readonly string[]) =>
  Promise.all(servers.filter(({ location }) => names.includes(location)).map((server) => server.kill()));

describe('with two servers,', () => {
  test('a lost node is not replaced, and status() tells why', async () => {
    const two = five.slice(0, 2);
    const store = await openReady(two, { nodeDownPolicy: 'failover' });
    const reason = '2 nodes vote, and a failover needs 3; a node with weight 0 counts';
    expect(store.status().failover).toMatchObject({ isPossible: false, reason });
    const [key = '', kept = ''] = keysOfAll(store, two);
    const down = nextEvent(store, 'node:down');
    await servers[0]?.kill();
    await down;
    expect(await rejection(store.get(key))).toMatchObject({
      code: 'DREDIS_NODE_UNAVAILABLE',
      node: two[0],
    });
    await expectToWork(store, [kept]);
    expect(store.status().topology).toMatchObject({ epoch: 0, states: {} });
    await servers[0]?.start();
    await untilDone(() => store.get(key));
    await expectToWork(store, [key, kept]);
  });

  test('a third one with weight 0 is a witness: a lost node is replaced, and the witness holds no entry', async () => {
    const [one = '', two = '', witness = ''] = five;
    const locations: Location[] = [one, two, `redis://${witness}`].map((location) =>
      location.startsWith('redis:') ? { url: location, name: witness, weight: 0 } : location,
    ) as Location[];
    const store = await openReady(locations as never);
    await untilVoting([one, two, witness]);
    expect(store.status().failover.isPossible).toBe(true);
    const keys = [...keysOn([one, two], one, 20), ...keysOn([one, two], two, 20)];
    await expectToWork(store, keys);
    await servers[0]?.kill();
    await expectToWork(store, keys);
    expect(presentState(store, one)).toBe('away');
    await servers[0]?.start();
    await untilAllServe(store);
    await expectToWork(store, keys);
    const client = await connectClient(witness);
    expect((await client.keys('*')).filter((key) => !key.startsWith('%dredis:'))).toEqual([]);
    const { keysByServer } = await plainly([one, two]);
    for (const held of await keysByServer()) expect(held).toHaveLength(20);
  });

  test('a witness that is lost costs nothing, and then there is no failover', async () => {
    const [one = '', two = '', witness = ''] = five;
    const store = await openReady([
      one,
      two,
      { host: '127.0.0.1', port: portOf(witness), weight: 0 },
    ] as never);
    await untilVoting([one, two, witness]);
    await servers[2]?.kill();
    await untilAway(witness, store);
    await expectToWork(store, ['a', 'b', 'c', 'd']);
    expect(store.status().failover.isPossible).toBe(false);
    await servers[2]?.start();
    await untilAllServe(store);
    expect(store.status().failover.isPossible).toBe(true);
  });
});

const portOf = (location: string) => Number(location.split(':')[1]);

async function plainly(locations: readonly string[]) {
  const servers = await connectPlain(locations);
  return { keysByServer: () => servers.keysByServer() };
}

describe('of five nodes,', () => {
  test.each([
    ['two at once', (names: readonly string[]) => kill(names)],
    [
      'two, one after the other',
      async ([first = '', second = '']: readonly string[], store: DRedisStore) => {
        await kill([first]);
        await untilAway(first, store);
        await kill([second]);
      },
    ],
  ])('%s may be lost, among them the first one', async (_name, killAll) => {
    const store = await open(five);
    const other = await open(five);
    const errors = [errorsOf(store), errorsOf(other)].flat();
    const keys = five.flatMap((name) => keysOf(store, name, 20));
    await expectToWork(store, keys);
    const lost = five.slice(0, 2);
    await killAll(lost, store);
    await expectToWork(store, keys);
    expect(await other.getMany(keys)).toEqual(await store.getMany(keys));
    await untilAway(lost[0] as string, store, other);
    await untilAway(lost[1] as string, store, other);
    await store.setMany(keys.map((key) => ({ key, value: 'while they are away' })));
    await start(lost);
    await untilAllServe(store, other);
    expect(await other.getMany(keys)).toEqual(keys.map(() => 'while they are away'));
    await expectToWork(other, keys);
    const { keysByServer } = await plainly(five);
    for (const held of await keysByServer()) expect(held).toHaveLength(20);
    expect(errors).toEqual([]);
  });

  test('all may be lost: calls fail meanwhile, and work when they are back', async () => {
    const store = await open(five, { commandTimeoutMs: DEADLINE_MS });
    errorsOf(store);
    const keys = keysOfAll(store, five);
    await expectToWork(store, keys);
    await kill(five);
    for (const key of keys) {
      const { code } = await rejection(store.get(key));
      expect(['DREDIS_NODE_UNAVAILABLE', 'DREDIS_COMMAND_TIMEOUT']).toContain(code);
    }
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined));
    await start(five);
    for (const key of keys) await untilDone(() => store.set(key, 'again'));
    await untilAllServe(store);
    expect(await store.getMany(keys)).toEqual(keys.map(() => 'again'));
    await expectToWork(store, keys);
  });
});

describe('of three nodes,', () => {
  const three = () => five.slice(0, 3);

  // Regression: the calls rejected at once with the timeout of an earlier call, also with 'miss'.
  test.each(['failover', 'error', 'miss'] as const)(
    'two may not be frozen at once: calls are not sent, with nodeDownPolicy %j',
    async (nodeDownPolicy) => {
      const store = await openReady(three(), { nodeDownPolicy, commandTimeoutMs: DEADLINE_MS });
      errorsOf(store);
      const keys = keysOfAll(store, three());
      await expectToWork(store, keys);
      await Promise.all(servers.slice(0, 2).map((server) => server.pause()));
      const states = () => store.status().nodes.map(({ state }) => state);
      await until(async () => {
        await Promise.allSettled(keys.map((key) => store.get(key)));
        return states().filter((state) => state === 'down').length === 2;
      });
      await until(() => !store.status().failover.hasMajority);
      for (const key of keys) {
        if (nodeDownPolicy === 'miss') {
          expect([await store.get(key), await store.set(key, 'v')]).toEqual([undefined, false]);
        } else {
          const errors = await Promise.all([rejection(store.get(key)), rejection(store.set(key, 'v'))]);
          for (const error of errors) expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE' });
        }
      }
      await Promise.all(servers.slice(0, 2).map((server) => server.resume()));
      await untilAllServe(store);
    },
  );
});

describe('of four nodes,', () => {
  test('three may not be lost at once: without a majority, calls for keys of the living node fail, too', async () => {
    const four = five.slice(0, 4);
    const store = await open(four, { commandTimeoutMs: DEADLINE_MS });
    const errors = errorsOf(store);
    const keys = keysOfAll(store, four);
    await expectToWork(store, keys);
    await kill(four.slice(1));
    // The lease is still held for a short time.
    await until(() =>
      store.set(keys[0] as string, 'alone').then(
        () => false,
        () => true,
      ),
    );
    await until(() => !store.status().failover.hasMajority);
    const error = await rejection(store.get(keys[0] as string));
    expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: four[0] });
    expect(error.message).toMatch(/reaches 1 of 4 nodes, and needs 3/);
    expect(errors).toEqual([]);
    await start(four);
    for (const key of keys) await untilDone(() => store.set(key, 'again'));
    await untilAllServe(store);
    await expectToWork(store, keys);
    expect(store.status().failover.hasMajority).toBe(true);
    // Most voters have lost their states. They need all answers before they vote again.
    await untilVoting(four);
    await servers[1]?.kill();
    await expectToWork(store, keys);
  });

  test('a process that finds a node again, before it is away, does not count that as the objection of others', async () => {
    const four = five.slice(0, 4);
    const store = await open(four, { leaseMs: DEADLINE_MS });
    const [key = ''] = keysOfAll(store, four);
    await servers[0]?.kill();
    await until(() => presentState(store, four[0] as string) === 'leaving');
    await servers[0]?.start();
    await untilAllServe(store);
    expect(store.status().failover.objectedTo).toEqual([]);
    expect(await store.set(key, 'value')).toBe(true);
  });

  test('if the process that declares a node as lost ends at once, another process takes over', async () => {
    const four = five.slice(0, 4);
    const declaring = await open(four);
    // It has no timers of its own for the node until the first one has declared it.
    const follower = await open(four, { nodeDownPolicy: 'failover' });
    const keys = keysOfAll(declaring, four);
    await expectToWork(declaring, keys);
    await follower.getMany(keys);
    const ended = new Promise<void>((resolve) => {
      declaring.on('topology:changed', ({ states }) => {
        if (states[four[0] as string] === 'leaving') void declaring.disconnect().then(resolve);
      });
    });
    await servers[0]?.kill();
    await ended;
    await expectToWork(follower, keys);
    expect(presentState(follower, four[0] as string)).toBe('away');
    await servers[0]?.start();
    await untilAllServe(follower);
    await expectToWork(follower, keys);
  });

  // Regression: the lease is renewed under the topology of the start, which changes meanwhile.
  test.each<[string, (store: DRedisStore, keys: readonly string[]) => Promise<unknown>, unknown]>([
    ['get', (store, [key = '']) => store.get(key), 'value'],
    ['set', (store, [key = '']) => store.set(key, 'new'), true],
    ['getMany', (store, keys) => store.getMany(keys), Array(4).fill('value')],
    ['deleteMany', (store, keys) => store.deleteMany(keys), Array(4).fill(true)],
  ])(
    'the first call of a process that starts while a node is away succeeds: %s()',
    async (_name, call, result) => {
      const four = five.slice(0, 4);
      const store = await open(four);
      const keys = keysOfAll(store, four);
      await servers[0]?.kill();
      await store.setMany(keys.map((key) => ({ key, value: 'value' })));
      const late = openStoreOver(four);
      const errors = errorsOf(late);
      expect(await call(late, keys)).toEqual(result);
      expect(errors).toEqual([]);
      expect(presentState(late, four[0] as string)).toBe('away');
    },
  );
});

describe('a store that keeps to its own locations', () => {
  const CASES: [string, (four: readonly string[]) => Promise<{ store: DRedisStore; end: () => unknown }>][] =
    [
      ["with topology: 'fixed'", (four) => openFixed(four, { topology: 'fixed' })],
      ['because it uses RESP 2', (four) => openFixed(four, { clientOptions: { RESP: 2 } })],
      [
        'because the caller has created its clients',
        async (four) => {
          const { store, clients } = await openExternal(four);
          return { store, end: () => clients.map((client) => client.destroy()) };
        },
      ],
      ['because the caller has created its clients, which stay open', openExternal],
    ];

  async function openExternal(four: readonly string[]) {
    const clients = await Promise.all(four.map((location) => connectClient(location)));
    const store = openStoreOver(clients.map((client, index) => ({ client, name: four[index] })) as never);
    await store.connect();
    return { store, clients, end: () => undefined };
  }

  async function openFixed(four: readonly string[], options: DRedisStoreOptions) {
    const store = openStoreOver(four, options);
    await store.connect();
    return { store, end: () => undefined };
  }

  test.each(CASES)('keeps the others from a failover while it is connected: %s', async (_name, openOne) => {
    const four = five.slice(0, 4);
    const { store: fixed } = await openOne(four);
    errorsOf(fixed);
    expect(fixed.status().failover).toMatchObject({
      isPossible: false,
      reason: 'this process keeps to its own locations',
    });
    const store = await open(four);
    const keys = keysOfAll(store, four);
    await expectToWork(store, keys);
    await fixed.getMany(keys);
    await servers[1]?.kill();
    await until(() => store.status().failover.reason !== undefined);
    expect(store.status().failover.isPossible).toBe(false);
    expect(store.status().failover.reason).toMatch(/not be told of the change/);
    expect(await rejection(store.get(keys[1] as string))).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE' });
    await expectToWork(store, [keys[0] as string, keys[2] as string]);
    expect(store.status().topology.states).toEqual({});
  });

  // Regression: the caller's clients keep the name that the store has given them.
  test.each(['close', 'stay open'])(
    'does so no more once it is disconnected, and its clients %s',
    async (what) => {
      const four = five.slice(0, 4);
      const { store: external, clients } = await openExternal(four);
      const { store: fixed } = await openFixed(four, { topology: 'fixed' });
      for (const each of [external, fixed]) await each.disconnect();
      if (what === 'close') for (const client of clients) client.destroy();
      const store = await open(four);
      const keys = keysOfAll(store, four);
      await servers[1]?.kill();
      await until(
        () =>
          store.status().failover.reason !== undefined || presentState(store, four[1] as string) === 'away',
      );
      expect(store.status().failover.reason).toBeUndefined();
      await expectToWork(store, keys);
    },
  );

  test('has to be disconnected only, and the failover begins by itself', async () => {
    const four = five.slice(0, 4);
    const { store: fixed } = await openFixed(four, { topology: 'fixed' });
    const store = await open(four);
    const keys = keysOfAll(store, four);
    await servers[1]?.kill();
    await until(() => store.status().failover.reason !== undefined);
    await fixed.disconnect();
    await untilAway(four[1] as string, store);
    await expectToWork(store, keys);
    expect(store.status().failover.reason).toBeUndefined();
  });
});
