import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { type DRedisStore, type DRedisStoreOptions, NodeUnavailableError } from '../../src/index.js';
import type { NamespacedStore } from '../../src/store.js';
import {
  keysWithSubstitute,
  openReady,
  untilAllServe,
  untilAway,
  untilDone,
  untilVoting,
} from '../support/failovers.js';
import {
  connectClient,
  DEADLINE_MS,
  entriesOf,
  errorsOf,
  keysOf,
  nextEvent,
  rejection,
  startServers,
  until,
} from '../support/index.js';

// With three nodes or more, the processes remove a lost node from the ring, and bring it back when it answers again.

let redis: RedisServers;
let victim: RedisServer;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  victim = redis.servers[1] as RedisServer;
});

beforeEach(() => Promise.all(redis.locations.map((location) => ask(location, ['FLUSHALL']))));

async function open(options?: DRedisStoreOptions): Promise<DRedisStore> {
  const store = await openReady(redis.locations, options);
  await untilVoting(redis.locations);
  return store;
}

const value = (key: string) => `value of ${key}`;
const entry = (key: string) => ({ key, value: value(key) });

/** Every call, with its result if the entries are there (`kept`), and if they are lost. */
const CALLS: Record<
  string,
  {
    readonly call: (store: NamespacedStore, keys: readonly string[]) => Promise<unknown>;
    /** @param isLost whether the key's entry is lost */
    readonly result: (isLost: readonly boolean[], keys: readonly string[]) => unknown;
  }
> = {
  get: {
    call: (store, [key = '']) => store.get(key),
    result: ([isLost], [key = '']) => (isLost ? undefined : value(key)),
  },
  has: { call: (store, [key = '']) => store.has(key), result: ([isLost]) => !isLost },
  set: { call: (store, [key = '']) => store.set(key, 'new'), result: () => true },
  delete: { call: (store, [key = '']) => store.delete(key), result: ([isLost]) => !isLost },
  getMany: {
    call: (store, keys) => store.getMany(keys),
    result: (isLost, keys) => keys.map((key, index) => (isLost[index] ? undefined : value(key))),
  },
  hasMany: {
    call: (store, keys) => store.hasMany(keys),
    result: (isLost) => isLost.map((each) => !each),
  },
  setMany: {
    call: (store, keys) => store.setMany(keys.map(entry)),
    result: (isLost) => isLost.map(() => true),
  },
  deleteMany: {
    call: (store, keys) => store.deleteMany(keys),
    result: (isLost) => isLost.map((each) => !each),
  },
  clear: { call: (store) => store.clear(), result: () => undefined },
  iterator: {
    // It starts over when the topology changes, so it may yield an entry twice.
    call: async (store) => [...new Set((await entriesOf(store)).map(([key]) => key))],
    result: (isLost, keys) => keys.filter((_, index) => !isLost[index]).sort(),
  },
};

describe('a server that is killed costs no failed call, with three nodes or more and without options:', () => {
  const NAMES = Object.keys(CALLS);

  /** One namespace per call, so that they can run at the same time. First in each list is a key of the victim. */
  async function prepare() {
    const store = await open();
    const errors = errorsOf(store);
    const users = await Promise.all(
      NAMES.map(async (name) => {
        const user = store.withNamespace(name);
        user.on('error', (error) => errors.push(error));
        const lost = keysOf(user as DRedisStore, victim.location, 2);
        const kept = redis.locations.flatMap((location) =>
          location === victim.location ? [] : keysOf(user as DRedisStore, location, 1),
        );
        const keys = [...lost, ...kept];
        expect(await user.setMany(keys.map(entry))).toEqual(keys.map(() => true));
        return { name, user, keys, isLost: keys.map((key) => lost.includes(key)) };
      }),
    );
    return { store, errors, users };
  }

  const outcomes = (users: Awaited<ReturnType<typeof prepare>>['users']) =>
    Promise.all(users.map(async ({ name, user, keys }) => [name, await CALLS[name]?.call(user, keys)]));

  test('calls in flight wait for the other nodes, and succeed', async () => {
    const { store, errors, users } = await prepare();
    await victim.pause();
    const called = outcomes(users);
    await victim.kill();
    const results = new Map((await called) as [string, unknown][]);
    for (const { name, keys, isLost } of users) {
      expect([name, results.get(name)]).toEqual([name, CALLS[name]?.result(isLost, keys)]);
    }
    expect(store.status()).toMatchObject({
      failover: { isPossible: true, reason: undefined, hasMajority: true, objectedTo: [] },
      topology: { states: { [victim.location]: 'away' } },
    });
    expect(errors).toEqual([]);
  });

  test('calls after the kill succeed, and the keys can be used as before', async () => {
    const { errors, users } = await prepare();
    await victim.kill();
    const results = new Map((await outcomes(users)) as [string, unknown][]);
    for (const { name, keys, isLost } of users) {
      expect([name, results.get(name)]).toEqual([name, CALLS[name]?.result(isLost, keys)]);
    }
    for (const { user, keys } of users) {
      await user.setMany(keys.map(entry));
      expect(await user.getMany(keys)).toEqual(keys.map(value));
      expect(await user.hasMany(keys)).toEqual(keys.map(() => true));
      expect((await entriesOf(user)).map(([key]) => key)).toEqual([...keys].sort());
      await user.clear();
      expect(await user.getMany(keys)).toEqual(keys.map(() => undefined));
    }
    expect(errors).toEqual([]);
  });

  test('calls with more than 1,000 keys succeed', async () => {
    const store = await open();
    const errors = errorsOf(store);
    const keys = Array.from({ length: 5_000 }, (_, number) => `many-${number}`);
    await victim.pause();
    const stored = store.setMany(keys.map(entry));
    await victim.kill();
    expect(await stored).toEqual(keys.map(() => true));
    expect(await store.getMany(keys)).toEqual(keys.map(value));
    expect(errors).toEqual([]);
  });
});

describe('an entry that is written while its node is away', () => {
  let store: DRedisStore;
  let other: DRedisStore;
  let substitute: string;
  let keys: string[];

  beforeEach(async () => {
    [store, other] = (await Promise.all([open(), open()])) as [DRedisStore, DRedisStore];
    substitute = redis.locations[2] as string;
    keys = keysWithSubstitute(store, [victim.location, substitute], 3);
    await victim.kill();
    await untilAway(victim.location, store, other);
    expect(await store.setMany(keys.map(entry))).toEqual(keys.map(() => true));
  });

  test('is read from the node that serves its keys meanwhile', async () => {
    expect(await other.getMany(keys)).toEqual(keys.map(value));
    const client = await connectClient(substitute);
    for (const key of keys) expect(await client.exists(`keyv:${key}`)).toBe(1);
  });

  test('is read from the node itself after the return, and the substitute holds it no more', async () => {
    await victim.start();
    await untilAllServe(store, other);
    expect(await other.getMany(keys)).toEqual(keys.map(value));
    expect(await store.getMany(keys)).toEqual(keys.map(value));
    const [atVictim, atSubstitute] = [await connectClient(victim.location), await connectClient(substitute)];
    for (const key of keys) {
      expect(await atVictim.exists(`keyv:${key}`)).toBe(1);
      expect(await atSubstitute.exists(`keyv:${key}`)).toBe(0);
    }
  });

  test('keeps its expiry', async () => {
    const [key = ''] = keys;
    await store.set(key, 'for an hour', Date.now() + 3_600_000);
    await victim.start();
    await untilAllServe(store);
    const client = await connectClient(victim.location);
    expect(await client.pTTL(`keyv:${key}`)).toBeGreaterThan(3_500_000);
    expect(await client.pTTL(`keyv:${key}`)).toBeLessThanOrEqual(3_600_000);
  });
});

describe('a server that is frozen and goes on (SIGSTOP, SIGCONT)', () => {
  const OPTIONS = { commandTimeoutMs: DEADLINE_MS / 2, connectTimeoutMs: DEADLINE_MS / 2 };
  let store: DRedisStore;
  let other: DRedisStore;
  let keys: string[];

  beforeEach(async () => {
    [store, other] = (await Promise.all([open(OPTIONS), open(OPTIONS)])) as [DRedisStore, DRedisStore];
    for (const each of [store, other]) errorsOf(each);
    keys = keysOf(store, victim.location, 60);
    await store.setMany(keys.map(entry));
    await other.getMany(keys);
    await victim.pause();
    // Each call fails until the node is away: it times out.
    await Promise.all([store, other].map((each) => untilDone(() => each.has(keys[0] as string))));
    await untilAway(victim.location, store, other);
  });

  test('has lost no entry that nobody changed, and shows no entry that was changed in its old state', async () => {
    const [set = [], removed = [], cleared = [], kept = []] = [0, 1, 2, 3].map((part) =>
      keys.filter((_, index) => index % 4 === part),
    );
    const cases = [store, other] as const;
    for (const [index, key] of set.entries()) await cases[index % 2]?.set(key, 'new');
    for (const [index, key] of removed.entries()) await cases[index % 2]?.delete(key);
    await store.deleteMany(cleared);
    expect(await other.getMany(set)).toEqual(set.map(() => 'new'));
    await victim.resume();
    await untilAllServe(store, other);
    for (const each of cases) {
      expect(await each.getMany(set)).toEqual(set.map(() => 'new'));
      expect(await each.getMany([...removed, ...cleared])).toEqual(
        [...removed, ...cleared].map(() => undefined),
      );
      expect(await each.getMany(kept)).toEqual(kept.map(value));
    }
  });

  test('shows no entry that was removed by clear()', async () => {
    const [first = '', ...rest] = keys;
    await store.clear();
    await store.set(first, 'after');
    await victim.resume();
    await untilAllServe(store, other);
    expect(await other.get(first)).toBe('after');
    expect(await other.getMany(rest)).toEqual(rest.map(() => undefined));
    expect((await entriesOf(store)).map(([key]) => key)).toEqual([first]);
  });

  test('shows no old value while it comes back', async () => {
    const versions = new Map(keys.map((key) => [key, 0]));
    await store.setMany(keys.map((key) => ({ key, value: '0' })));
    const stale: string[] = [];
    let isOver = false;
    const write = async () => {
      for (let turn = 0; !isOver; turn += 1) {
        const key = keys[turn % keys.length] as string;
        const next = (versions.get(key) as number) + 1;
        await untilDone(() => store.set(key, String(next)));
        versions.set(key, next);
      }
    };
    const read = async (from: DRedisStore, offset: number) => {
      for (let turn = offset; !isOver; turn += 1) {
        const key = keys[turn % keys.length] as string;
        const atLeast = versions.get(key) as number;
        const found = await untilDone(() => from.get<string>(key));
        if (found === undefined || Number(found) < atLeast)
          stale.push(`${key}: ${found} instead of ${atLeast}`);
      }
    };
    const working = [write(), read(store, 3), read(other, 7), read(other, 31)];
    await victim.resume();
    await untilAllServe(store, other);
    const turns = versions.get(keys[0] as string) as number;
    await until(() => (versions.get(keys[0] as string) as number) > turns + 1);
    isOver = true;
    await Promise.all(working);
    expect(stale).toEqual([]);
  });
});

describe('a store that does not declare nodes as lost', () => {
  let follower: DRedisStore;
  let keys: string[];
  let kept: string[];

  async function kill(nodeDownPolicy: 'error' | 'miss'): Promise<void> {
    follower = await openReady(redis.locations, { nodeDownPolicy });
    keys = keysOf(follower, victim.location, 2);
    kept = keysOf(follower, redis.locations[0] as string, 1);
    await follower.setMany([...keys, ...kept].map(entry));
    const down = nextEvent(follower, 'node:down');
    await victim.kill();
    await down;
  }

  test("rejects calls for keys of a lost node at once with nodeDownPolicy: 'error'", async () => {
    await kill('error');
    const errors = errorsOf(follower);
    const [key = ''] = keys;
    for (const call of [
      follower.get(key),
      follower.set(key, 'new'),
      follower.delete(key),
      follower.has(key),
    ]) {
      const error = await rejection(call);
      expect(error).toBeInstanceOf(NodeUnavailableError);
      expect(error.node).toBe(victim.location);
    }
    expect(await follower.getMany([...keys, ...kept])).toEqual([undefined, undefined, ...kept.map(value)]);
    expect(errors).toMatchObject([{ code: 'DREDIS_NODE_UNAVAILABLE', node: victim.location }]);
    expect(await rejection(follower.clear())).toMatchObject({ nodes: [victim.location] });
    expect(follower.status().failover).toMatchObject({
      isPossible: false,
      reason: "nodeDownPolicy is not 'failover'",
      hasMajority: true,
    });
    expect(follower.status().topology).toMatchObject({ epoch: 0, states: {} });
  });

  test("misses keys of a lost node with nodeDownPolicy: 'miss', and answers false to writes", async () => {
    await kill('miss');
    const errors = errorsOf(follower);
    const [key = ''] = keys;
    expect(await follower.get(key)).toBeUndefined();
    expect(await follower.has(key)).toBe(false);
    expect(await follower.set(key, 'new')).toBe(false);
    expect(await follower.delete(key)).toBe(false);
    expect(await follower.getMany([...keys, ...kept])).toEqual([undefined, undefined, ...kept.map(value)]);
    expect(await follower.setMany([...keys, ...kept].map(entry))).toEqual([false, false, true]);
    expect(await follower.hasMany(keys)).toEqual([false, false]);
    expect(await follower.deleteMany(keys)).toEqual([false, false]);
    expect(errors).toEqual([]);
  });

  test.each(['error', 'miss'] as const)(
    "follows what others decide with nodeDownPolicy: '%s'",
    async (nodeDownPolicy) => {
      const declaring = await open();
      await kill(nodeDownPolicy);
      await untilAway(victim.location, declaring, follower);
      expect(await follower.setMany(keys.map(entry))).toEqual(keys.map(() => true));
      expect(await declaring.getMany(keys)).toEqual(keys.map(value));
      await declaring.setMany(keys.map((key) => ({ key, value: 'new' })));
      await victim.start();
      await untilAllServe(declaring, follower);
      expect(await follower.getMany(keys)).toEqual(keys.map(() => 'new'));
    },
  );
});
