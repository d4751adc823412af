import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { RedisServer, RedisServers } from 'redis-launcher';
import {
  type DRedisStore,
  type DRedisStoreOptions,
  InvalidOptionError,
  NodeUnavailableError,
  PartialFailureError,
} from '../../src/index.js';
import {
  DEADLINE_MS,
  errorsOf,
  keysOf,
  NO_DEADLINES,
  nextEvent,
  onCleanUp,
  openStoreOver,
  rejection,
  startBlackHole,
  startProxy,
  startServers,
} from '../support/index.js';

const KEYS = Array.from({ length: 300 }, (_, number) => `key-${number}`);

let redis: RedisServers;
let three: string[];
let fourth: string;
let store: DRedisStore;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
});

beforeEach(async () => {
  three = redis.locations.slice(0, 3);
  fourth = redis.locations[3] as string;
  await openStoreOverThree();
});

/** Opens a store over three of the servers. They are empty. */
async function openStoreOverThree(options?: DRedisStoreOptions): Promise<void> {
  store = openStoreOver(redis.locations, { ...NO_DEADLINES, ...options });
  await store.clear();
  await store.updateNodes(three);
}

/** Returns the owner of each key. locate() also connects to the owners. */
const owners = () => KEYS.map((key) => store.locate(key).node);
const clients = () =>
  new Map(store.nodes.map((name) => [name, store.locate(keysOf(store, name, 1)[0] as string).client]));
const fill = () => store.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));

describe('updateNodes() with one more node', () => {
  test('moves keys to the new node, but not between the other nodes', async () => {
    const before = owners();
    await fill();
    await store.updateNodes([...three, fourth]);
    expect(store.nodes).toEqual([...three, fourth]);
    const after = owners();
    const moved = KEYS.filter((_, index) => before[index] !== after[index]);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThan(KEYS.length / 2);
    after.forEach((node, index) => {
      if (node !== before[index]) expect(node).toBe(fourth);
    });
    const values = await store.getMany(KEYS);
    expect(values).toEqual(KEYS.map((key) => (moved.includes(key) ? undefined : `value of ${key}`)));
  });

  test('connects the new node first', async () => {
    await store.updateNodes([...three, fourth]);
    expect(clients().get(fourth)?.isReady).toBe(true);
  });

  test('leaves old copies behind, but iterator() does not yield them and clear() removes them', async () => {
    await fill();
    const before = owners();
    await store.updateNodes([...three, fourth]);
    const after = owners();
    const stayed = KEYS.filter((_, index) => before[index] === after[index]);
    const yielded: string[] = [];
    for await (const [key] of store.iterator()) yielded.push(key);
    expect(yielded.sort()).toEqual([...stayed].sort());
    await store.clear();
    await store.updateNodes(three);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
  });
});

describe('updateNodes() with one fewer node', () => {
  test("moves the removed node's keys, and no others", async () => {
    await fill();
    const before = owners();
    const gone = three[1] as string;
    await store.updateNodes(three.filter((name) => name !== gone));
    const after = owners();
    after.forEach((node, index) => {
      expect(node).not.toBe(gone);
      if (before[index] !== gone) expect(node).toBe(before[index]);
    });
    const values = await store.getMany(KEYS);
    expect(values).toEqual(
      KEYS.map((key, index) => (before[index] === gone ? undefined : `value of ${key}`)),
    );
  });

  test("closes the removed node's client", async () => {
    const { client } = store.locate(keysOf(store, three[0] as string, 1)[0] as string);
    await store.connect();
    await store.updateNodes(three.slice(1));
    expect(client.isOpen).toBe(false);
  });

  test('does not wait for a removed node that is dead', async () => {
    const dead = redis.servers[0] as RedisServer;
    await store.connect();
    const down = nextEvent(store, 'node:down');
    await dead.kill();
    await down;
    await store.updateNodes(three.slice(1));
    expect(await store.setMany(KEYS.map((key) => ({ key, value: 'v' })))).toEqual(KEYS.map(() => true));
  });
});

describe('updateNodes() with unchanged nodes', () => {
  test("keeps the nodes' clients, regardless of the order and form of the locations", async () => {
    await store.connect();
    const before = clients();
    await store.updateNodes([fourth, ...three.toReversed().map((name) => `redis://${name}`)]);
    const after = clients();
    for (const name of three) expect(after.get(name)).toBe(before.get(name));
  });

  test("makes a new client if a node's client options change", async () => {
    await store.connect();
    const before = clients();
    const [first, ...others] = three as [string, string, string];
    await store.updateNodes([{ url: `redis://${first}`, clientOptions: { name: 'renamed' } }, ...others]);
    const after = clients();
    expect(after.get(first)).not.toBe(before.get(first));
    expect(await after.get(first)?.clientGetName()).toBe('renamed');
    expect(before.get(first)?.isOpen).toBe(false);
    for (const name of others) expect(after.get(name)).toBe(before.get(name));
  });

  // Regression: the new node took the old node's connection for its own previous one, and closed it.
  test("makes no call fail if a node's client options change", async () => {
    await store.connect();
    const [first, ...others] = three as [string, string, string];
    const keys = keysOf(store, first, 20);
    let isDone = false;
    const calls = keys.map(async (key) => {
      while (!isDone) expect(await store.set(key, 'value')).toBe(true);
    });
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      await store.updateNodes([{ url: `redis://${first}`, clientOptions: { name } }, ...others]);
    }
    isDone = true;
    await Promise.all(calls);
  });

  test('changes a weight without a new client', async () => {
    await store.connect();
    const before = clients();
    const counted = (name: string) => owners().filter((owner) => owner === name).length;
    const [first, ...others] = three as [string, string, string];
    const countBefore = counted(first);
    await store.updateNodes([{ url: `redis://${first}`, weight: 5 }, ...others]);
    expect(counted(first)).toBeGreaterThan(countBefore);
    expect(clients().get(first)).toBe(before.get(first));
  });
});

describe('a failed updateNodes() changes nothing', () => {
  test.each([
    ['is dead', async () => '127.0.0.1:1'],
    ['never answers', async () => (await startBlackHole()).location],
  ])('if a new node %s', async (_name, make) => {
    await store.disconnect();
    await openStoreOverThree({ connectTimeoutMs: DEADLINE_MS });
    await fill();
    const before = { nodes: store.nodes, owners: owners(), clients: clients() };
    const bad = await make();
    const error = await rejection<PartialFailureError>(store.updateNodes([...three.slice(1), fourth, bad]));
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: 'DREDIS_CONNECT_INCOMPLETE', nodes: [bad] });
    expect(error.errors[0]).toBeInstanceOf(NodeUnavailableError);
    expect({ nodes: store.nodes, owners: owners(), clients: clients() }).toEqual(before);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
  });

  test('and closes the connections that it opened', async () => {
    const proxy = await startProxy(fourth);
    const closed = proxy
      .nextConnection()
      .then((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const locations = [...three, { name: 'good', url: `redis://${proxy.location}` }, '127.0.0.1:1'];
    expect(await rejection(store.updateNodes(locations))).toMatchObject({ nodes: ['127.0.0.1:1'] });
    await closed;
    expect(proxy.connectionCount).toBe(1);
  });

  test('if a location is invalid', async () => {
    expect(await rejection(store.updateNodes([]))).toBeInstanceOf(InvalidOptionError);
    expect(await rejection(store.updateNodes([fourth, 'h:x']))).toBeInstanceOf(InvalidOptionError);
    expect(store.nodes).toEqual(three);
  });
});

describe('updateNodes() during other calls', () => {
  test('lets calls to a removed node finish', async () => {
    const proxy = await startProxy(fourth);
    await store.updateNodes([...three, { name: 'slow', url: `redis://${proxy.location}` }]);
    const [one, other] = keysOf(store, 'slow', 2) as [string, string];
    const stayed = keysOf(store, three[0] as string, 1)[0] as string;
    await store.set(stayed, 'stayed');
    const held: (() => void)[] = [];
    const firstIsHeld = new Promise<void>((resolve) => {
      proxy.onReply = (reply, client) => {
        held.push(() => client.write(reply));
        resolve();
      };
    });
    const calls = Promise.all([store.set(one, 'value'), store.getMany([other, stayed])]);
    await firstIsHeld;
    const updated = store.updateNodes(three);
    while (store.nodes.length > 3) await new Promise((resolve) => setImmediate(resolve));
    // New calls use the new nodes while the old node finishes its calls.
    expect(await store.getMany([one, stayed])).toEqual([undefined, 'stayed']);
    proxy.onReply = undefined;
    for (const release of held) release();
    expect(await calls).toEqual([true, [undefined, 'stayed']]);
    await updated;
  });

  test('makes no call fail, even if it is repeated many times', async () => {
    await fill();
    const errors = errorsOf(store);
    let stop = false;
    const caller = async () => {
      while (!stop) {
        await store.setMany(KEYS.slice(0, 50).map((key) => ({ key, value: 'v' })));
        await store.getMany(KEYS);
        await store.set('key', 'value');
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    for (let times = 0; times < 5; times++) {
      await store.updateNodes([...three, fourth]);
      await store.updateNodes(three);
    }
    stop = true;
    await Promise.all(callers);
    expect(errors).toEqual([]);
  });

  test('makes concurrent changes one after another', async () => {
    const changes = [[...three, fourth], three.slice(0, 1), [fourth], three].map((nodes) =>
      store.updateNodes(nodes),
    );
    await Promise.all(changes);
    expect(store.nodes).toEqual(three);
    expect(await store.setMany(KEYS.map((key) => ({ key, value: 'v' })))).toEqual(KEYS.map(() => true));
  });

  test('settles when disconnect() interrupts it', async () => {
    const change = store.updateNodes([...three, fourth]).then(
      () => 'changed',
      (error) => error.code,
    );
    await store.disconnect();
    expect(['changed', 'DREDIS_CLOSED', 'DREDIS_CONNECT_INCOMPLETE']).toContain(await change);
    expect((await rejection(store.get('key'))).code).toBe('DREDIS_CLOSED');
  });
});

describe('a removed node finishes long calls', () => {
  const MANY = Array.from({ length: 40_000 }, (_, number) => `many-${number}`);

  beforeEach(async () => {
    store = openStoreOver(redis.locations, { commandTimeoutMs: 20_000, disconnectTimeoutMs: 20_000 });
    await store.setMany(MANY.map((key) => ({ key, value: 'value' })));
  });

  test('such as getMany() and hasMany() with several chunks', async () => {
    const errors = errorsOf(store);
    const calls = Promise.all([store.getMany(MANY), store.hasMany(MANY)]);
    await Promise.all([calls, store.updateNodes(three)]);
    const [values, booleans] = await calls;
    expect(values.filter((value) => value === 'value')).toHaveLength(MANY.length);
    expect(booleans.filter(Boolean)).toHaveLength(MANY.length);
    expect(errors).toEqual([]);
  });

  test('such as iterator() and clear()', async () => {
    let count = 0;
    const iterate = async () => {
      for await (const _entry of store.iterator()) count += 1;
    };
    const iterated = iterate();
    await store.updateNodes(three);
    await iterated;
    expect(count).toBe(MANY.length);
    await store.updateNodes(redis.locations);
    await Promise.all([store.clear(), store.updateNodes(three)]);
    await store.updateNodes(redis.locations);
    expect(await store.hasMany(MANY)).toEqual(MANY.map(() => false));
  });

  test('such as getMany() with several chunks, and so does a store that is disconnected', async () => {
    const [values] = await Promise.all([store.getMany(MANY), store.disconnect()]);
    expect(values.filter((value) => value === 'value')).toHaveLength(MANY.length);
  });
});

describe("updateNodes() closes a factory's unused clients", () => {
  let made: { readonly isOpen: boolean }[];

  beforeEach(() => {
    made = [];
  });

  /** A factory that connects its clients itself. Factories do not have to do this. */
  const factory = () => {
    const client = createClient({ url: `redis://${fourth}` });
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
    onCleanUp(() => client.isOpen && client.destroy());
    made.push(client);
    return client;
  };

  test('if the node is unchanged', async () => {
    for (let times = 0; times < 3; times += 1) await store.updateNodes([...three, factory] as never);
    expect(made.map(({ isOpen }) => isOpen)).toEqual([true, false, false]);
    await store.disconnect();
    expect(made.map(({ isOpen }) => isOpen)).toEqual([false, false, false]);
  });

  test('if a location is invalid', async () => {
    const error = await rejection(store.updateNodes([factory, fourth] as never));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(made.map(({ isOpen }) => isOpen)).toEqual([false]);
  });
});
