import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import { PrefixSet } from '../../src/format/prefix-set.js';
import { leaseKey, TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { type MoveProgress, type MoverOptions, moveKeys } from '../../src/membership/mover.js';
import { Pace } from '../../src/membership/pace.js';
import { formatRecord, recordHead } from '../../src/membership/record.js';
import type { Node } from '../../src/node/node.js';
import { isRefusal } from '../../src/node/replies.js';
import { SupersededError } from '../../src/node/superseded.js';
import {
  connectClient,
  connectPlain,
  openNode,
  type PlainServers,
  rejection,
  startServer,
  startServers,
  until,
} from '../support/index.js';

type Client = Awaited<ReturnType<typeof connectClient>>;

let redis: RedisServers;
let plain: PlainServers;
let clients: Client[];
let nodes: Node[];

const recordOf = (epoch: number) =>
  formatRecord({ epoch, cache: 'cache', phase: 'settled', nodes: [], leaseMs: 1000, fingerprint: '' });

const HEAD = recordHead({ epoch: 7, cache: 'cache' });

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  plain = await connectPlain(redis.locations);
  clients = await Promise.all(redis.locations.map((location) => connectClient(location)));
  nodes = await Promise.all(redis.locations.map((location) => openNode(location)));
});

beforeEach(async () => {
  await plain.flush();
  await Promise.all(clients.map((client) => client.set(TOPOLOGY_KEY, recordOf(7))));
});

const [a, b, c] = [0, 1, 2] as const;

/** Returns the owner of each key on the ring of some of the nodes. */
function ownersOn(...indices: readonly number[]): (key: string) => number {
  const ring = new HashRing(indices.map((index) => redis.locations[index] as string));
  return (key) => redis.locations.indexOf(ring.get(key) as string);
}

function optionsFor(source: number, ownerOf: (key: string) => number, more: Partial<MoverOptions> = {}) {
  const { signal } = new AbortController();
  return {
    from: nodes[source] as Node,
    ownerOf: (key: string) => nodes[ownerOf(key)],
    head: HEAD,
    prefixes: new PrefixSet(['app:']),
    scanCount: 100,
    pace: new Pace(Number.POSITIVE_INFINITY, signal),
    signal,
    ...more,
  };
}

const keysOf = (count: number, prefix = 'app:') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Stores keys with their names as values. */
async function fill(server: number, keys: readonly string[]): Promise<void> {
  await clients[server]?.mSet(keys.map((key) => [key, `value of ${key}`] as [string, string]));
}

const keysByOwner = (keys: readonly string[], ownerOf: (key: string) => number) =>
  [a, b, c].map((server) => keys.filter((key) => ownerOf(key) === server).sort());

describe('moveKeys()', () => {
  test('moves to the new owner what it owns, and nothing else', async () => {
    const [before, after] = [ownersOn(a, b), ownersOn(a, b, c)];
    const keys = keysOf(2000);
    for (const server of [a, b]) {
      const own = keys.filter((key) => before(key) === server);
      await fill(server, own);
    }
    const moving = keys.filter((key) => after(key) === c);
    const results = await Promise.all([a, b].map((source) => moveKeys(optionsFor(source, after))));
    expect(results.map(({ node }) => node)).toEqual(redis.locations.slice(0, 2));
    expect(results.map(({ fraction }) => fraction)).toEqual([1, 1]);
    const sum = (field: 'seenCount' | 'movedCount' | 'skippedCount') =>
      results.reduce((total, result) => total + result[field], 0);
    expect(sum('seenCount')).toBeGreaterThanOrEqual(2000);
    expect(sum('movedCount')).toBe(moving.length);
    expect(sum('skippedCount')).toBe(0);
    expect(await plain.keysByServer()).toEqual(keysByOwner(keys, after));
    for (const key of keys) expect(await plain.get(key)).toBe(`value of ${key}`);
  });

  test('moves all keys of a node that leaves to all other nodes, and leaves no lease', async () => {
    const after = ownersOn(b, c);
    const keys = keysOf(2000);
    await fill(a, keys);
    await moveKeys(optionsFor(a, after));
    expect(await plain.keysByServer()).toEqual(keysByOwner(keys, after));
    expect(await Promise.all(clients.map((client) => client.keys(leaseKey('*'))))).toEqual([[], [], []]);
  });

  test('leaves keys of other programs and the reserved keys alone', async () => {
    await fill(a, [...keysOf(10), ...keysOf(10, 'other:'), '%dredis:run', 'app']);
    await moveKeys(optionsFor(a, ownersOn(b)));
    expect(await plain.keysByServer()).toEqual([
      [...keysOf(10, 'other:'), 'app'].sort(),
      keysOf(10).sort(),
      [],
    ]);
    expect(await clients[a]?.exists('%dredis:run')).toBe(1);
  });

  test('leaves keys that have no owner', async () => {
    await fill(a, keysOf(10));
    const result = await moveKeys({ ...optionsFor(a, ownersOn(b)), ownerOf: () => undefined });
    expect(result).toMatchObject({ fraction: 1, seenCount: 10, movedCount: 0 });
    expect((await plain.keysByServer())[a]).toHaveLength(10);
  });

  test('counts the keys that it cannot move', async () => {
    await fill(a, keysOf(10));
    await clients[a]?.lPush('app:list', ['x']);
    const result = await moveKeys(optionsFor(a, ownersOn(b)));
    expect(result).toMatchObject({ movedCount: 10, skippedCount: 1 });
    expect(await clients[a]?.lRange('app:list', 0, -1)).toEqual(['x']);
  });

  test('reports how far it has come, and comes to its end last', async () => {
    await fill(a, keysOf(2000));
    const reports: MoveProgress[] = [];
    await moveKeys(optionsFor(a, ownersOn(b), { onProgress: (progress) => reports.push(progress) }));
    const fractions = reports.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((one, other) => one - other));
    expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
    expect(new Set(fractions).size).toBeGreaterThan(5);
    expect(reports.at(-1)).toEqual({
      node: redis.locations[a],
      fraction: 1,
      seenCount: expect.any(Number),
      movedCount: 2000,
      skippedCount: 0,
    });
  });

  test('does nothing on a node without keys', async () => {
    expect(await moveKeys(optionsFor(a, ownersOn(b)))).toMatchObject({ fraction: 1, seenCount: 0 });
  });
});

describe('moveKeys() that ends early', () => {
  test('is run again, and moves the keys that are left', async () => {
    const keys = keysOf(3000);
    await fill(a, keys);
    const stop = new AbortController();
    const onProgress = ({ fraction }: MoveProgress) => {
      if (fraction > 0.3) stop.abort();
    };
    const first = await moveKeys(optionsFor(a, ownersOn(b), { signal: stop.signal, onProgress }));
    expect(first.fraction).toBeLessThan(1);
    expect(first.movedCount).toBeGreaterThan(0);
    expect(first.movedCount).toBeLessThan(3000);
    const [left, moved] = (await plain.keysByServer()) as [string[], string[]];
    // No page is in flight any more.
    expect(moved).toHaveLength(first.movedCount);
    expect([...left, ...moved].sort()).toEqual(keys.toSorted());
    const second = await moveKeys(optionsFor(a, ownersOn(b)));
    expect(second).toMatchObject({ fraction: 1, movedCount: 3000 - first.movedCount });
    expect((await plain.keysByServer())[b]).toEqual(keys.toSorted());
  });

  test('by a signal during a wait of the pace, ends at once', async () => {
    await fill(a, keysOf(100));
    const stop = new AbortController();
    const pace = new Pace(0.01, stop.signal);
    const moving = moveKeys(optionsFor(a, ownersOn(b), { signal: stop.signal, pace }));
    await until(async () => (await clients[b]?.dbSize()) === 2);
    stop.abort();
    expect(await moving).toMatchObject({ movedCount: 1, fraction: 0 });
  });

  test('by a signal before it begins, moves nothing', async () => {
    await fill(a, keysOf(100));
    const result = await moveKeys(optionsFor(a, ownersOn(b), { signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ movedCount: 0, fraction: 0 });
  });

  test.each([
    ['previous owner', a],
    ['owner', b],
  ])('because the %s holds another record, rejects and loses nothing', async (_title, server) => {
    const keys = keysOf(1000);
    await fill(a, keys);
    let isSettled = false;
    const onProgress = async ({ movedCount }: MoveProgress) => {
      if (movedCount === 0 || isSettled) return;
      isSettled = true;
      await clients[server]?.set(TOPOLOGY_KEY, recordOf(8));
    };
    const pace = new Pace(5000, new AbortController().signal);
    const error = await rejection(moveKeys(optionsFor(a, ownersOn(b), { onProgress, pace })));
    expect(error).toBeInstanceOf(SupersededError);
    // A page that was stored may not have been removed at its previous owner.
    expect([...new Set(await plain.keys())].sort()).toEqual(keys.toSorted());
    expect((await plain.keysByServer())[a]?.length).toBeGreaterThan(0);
  });

  test('because a server refuses the scripts, rejects with its reply, and can be run again', async () => {
    const keys = keysOf(1000);
    await fill(a, keys);
    await clients[b]?.sendCommand(['ACL', 'SETUSER', 'default', '-set']);
    try {
      const error = await rejection(moveKeys(optionsFor(a, ownersOn(b))));
      expect(isRefusal(error)).toBe(true);
      expect(error.message).toContain(redis.locations[b]);
    } finally {
      await clients[b]?.sendCommand(['ACL', 'SETUSER', 'default', '+@all']);
    }
    expect((await plain.keysByServer())[a]).toEqual(keys.toSorted());
    expect(await moveKeys(optionsFor(a, ownersOn(b)))).toMatchObject({ movedCount: 1000 });
  });

  test('because the owner dies, rejects with its name and loses nothing', async () => {
    const server = await startServer();
    const owner = await openNode(server.location);
    const keys = keysOf(1000);
    await fill(a, keys);
    await server.kill();
    const error = await rejection(moveKeys({ ...optionsFor(a, ownersOn(b)), ownerOf: () => owner }));
    expect(error.message).toContain(server.location);
    expect((await plain.keysByServer())[a]).toEqual(keys.toSorted());
  });
});

describe('the rate of moveKeys()', () => {
  test.each([
    ['1 key', 1, 3, 2000],
    ['25 keys', 25, 40, 1520],
    ['400 keys', 400, 600, 1450],
    ['10,000 keys', 10_000, 15_000, 1490],
  ])('is at most %s per second over two sources together', async (_title, rate, count, leastMs) => {
    const keys = keysOf(count);
    await fill(a, keys.slice(0, count / 2));
    await fill(b, keys.slice(count / 2));
    const { signal } = new AbortController();
    const pace = new Pace(rate, signal);
    const startedAt = performance.now();
    await Promise.all([a, b].map((source) => moveKeys(optionsFor(source, ownersOn(c), { pace, signal }))));
    // A timer may end 1 ms early.
    expect(performance.now() - startedAt).toBeGreaterThan(leastMs * 0.97);
    expect((await plain.keysByServer())[c]).toHaveLength(count);
  });
});

test('moveKeys() beside writes and deletes never brings back an old value', async () => {
  const [before, after] = [ownersOn(a, b), ownersOn(b, c)];
  const keys = keysOf(3000);
  const expected = new Map<string, string | null>();
  for (const server of [a, b]) {
    await fill(
      server,
      keys.filter((key) => before(key) === server),
    );
  }
  for (const key of keys) expected.set(key, `value of ${key}`);
  const { signal } = new AbortController();
  const pace = new Pace(4000, signal);
  let isMoving = true;
  const moving = Promise.all(
    [a, b].map((source) => moveKeys(optionsFor(source, after, { pace, signal, scanCount: 50 }))),
  ).finally(() => {
    isMoving = false;
  });
  // What a store does while entries move.
  const write = async (key: string, value: string | null) => {
    const from = clients[before(key)] as Client;
    const to = clients[after(key)] as Client;
    if (from !== to) await from.unlink(key);
    const commands = to.multi().unlink(leaseKey(key));
    await (value === null ? commands.unlink(key) : commands.set(key, value)).exec();
    expected.set(key, value);
  };
  const writer = async (offset: number) => {
    for (let round = 0; isMoving; round += 1) {
      const key = keys[(round * 4 + offset) % keys.length] as string;
      await write(key, round % 3 === 0 ? null : `fresh ${round}`);
    }
  };
  await Promise.all([moving, ...[0, 1, 2, 3].map(writer)]);
  const wrong: string[] = [];
  for (const [key, value] of expected) {
    const values = await Promise.all(clients.map((client) => client.get(key)));
    if (values.some((found, server) => found !== (server === after(key) ? value : null))) wrong.push(key);
  }
  expect(wrong).toEqual([]);
});
