import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import { planChange } from '../../src/membership/change.js';
import type { Operator } from '../../src/membership/operator.js';
import type { Target } from '../../src/membership/plan.js';
import { targetsWith, targetsWithout } from '../../src/membership/targets.js';
import { describeNodes, openOperator, openStoreOver, startServers } from '../support/index.js';

let redis: RedisServers;
let three: string[];
let fourth: string;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  three = redis.locations.slice(0, 3);
  fourth = redis.locations[3] as string;
});

const KEYS = Array.from({ length: 1000 }, (_, number) => `key-${number}`);

/** Reads and overwrites keys until it is stopped. @returns what was wrong */
function use(store: DRedisStore, own: readonly string[]) {
  const wrong: string[] = [];
  const versions = new Map(own.map((key) => [key, 0]));
  let isStopped = false;
  let operationCount = 0;
  const work = async () => {
    while (!isStopped) {
      const key = own[Math.floor(Math.random() * own.length)] as string;
      const before = versions.get(key) as number;
      operationCount += 1;
      if (Math.random() < 0.2) {
        versions.set(key, before + 1);
        await store.set(key, String(before + 1));
      } else {
        const value = await store.get<string>(key);
        if (Number(value) < before || value === undefined)
          wrong.push(`${key}: ${value} instead of ${before}`);
      }
    }
  };
  // One caller per store, so that each knows the last value.
  const working = work();
  return {
    stop: async () => {
      isStopped = true;
      await working;
      return { wrong, operationCount };
    },
  };
}

test('stores notice nothing of changes but the nodes', async () => {
  const stores = [1, 2, 3, 4].map(() => openStoreOver(three));
  await Promise.all(stores.map((store) => store.connect()));
  await stores[0]?.setMany(KEYS.map((key) => ({ key, value: '0' })));
  const users = stores.map((store, index) =>
    use(
      store,
      KEYS.filter((_, number) => number % 4 === index),
    ),
  );
  const change = async (targetOf: (operator: Operator) => readonly Target[]) => {
    const operator = await openOperator(three);
    const plan = await planChange(operator, targetOf(operator));
    expect(plan.unmanaged).toEqual([]);
    const summary = await plan.run({ maxKeysPerSecond: 1000 });
    await operator.close();
    return summary;
  };
  expect(await change((operator) => targetsWith(operator, describeNodes([fourth])))).toMatchObject({
    epoch: 2,
  });
  expect(await change((operator) => targetsWithout(operator, [three[0] as string]))).toMatchObject({
    epoch: 4,
  });
  for (const user of users) {
    const { wrong, operationCount } = await user.stop();
    expect(wrong).toEqual([]);
    expect(operationCount).toBeGreaterThan(10);
  }
  for (const store of stores) {
    expect([...store.nodes].sort()).toEqual([...three.slice(1), fourth].sort());
  }
});

// Regression: calls started over in the order in which their errors were created, and clear() did not wait for them.
describe('the calls of one process keep their order while servers are added and removed:', () => {
  const SOME = KEYS.slice(0, 40);
  const ROUND_MS = 6000;

  /** Repeats the calls while servers are added and removed. @returns how often they ended as they should */
  async function whileChanging(calls: (store: DRedisStore, round: number) => Promise<boolean>) {
    const operator = openStoreOver(three, { namespace: 'order' });
    const store = openStoreOver(three, { namespace: 'order' });
    await Promise.all([operator.connect(), store.connect()]);
    const outcomes = { right: 0, wrong: 0 };
    const endsAt = Date.now() + ROUND_MS;
    let changeCount = 0;
    const changing = (async () => {
      for (; Date.now() < endsAt; changeCount += 1) {
        await operator.reshard(changeCount % 2 ? three : three.slice(0, 2));
      }
    })();
    for (let round = 0; Date.now() < endsAt; round += 1) {
      outcomes[(await calls(store, round)) ? 'right' : 'wrong'] += 1;
    }
    await changing;
    expect(changeCount).toBeGreaterThan(5);
    return outcomes;
  }

  test('a set() after a setMany() is the last', async () => {
    const outcomes = await whileChanging(async (store, round) => {
      const [first, ...second] = await Promise.all([
        store.setMany(SOME.map((key) => ({ key, value: `first ${round}` }))),
        ...SOME.map((key) => store.set(key, `second ${round}`)),
      ]);
      expect([...first, ...second]).toEqual([...SOME, ...SOME].map(() => true));
      return (await store.getMany(SOME)).every((value) => value === `second ${round}`);
    });
    expect(outcomes).toEqual({ right: expect.any(Number), wrong: 0 });
  });

  test('no set() before a clear() is left', async () => {
    const outcomes = await whileChanging(async (store, round) => {
      await Promise.all([...SOME.map((key) => store.set(key, `value ${round}`)), store.clear()]);
      return (await store.getMany(SOME)).every((value) => value === undefined);
    });
    expect(outcomes).toEqual({ right: expect.any(Number), wrong: 0 });
  });
});

// Regression: connect() rejected with the error of a node that had left the topology meanwhile.
test('connect() of a store with an old list connects the present nodes', async () => {
  const operator = openStoreOver(three);
  await operator.reshard([...three.slice(1), fourth]);
  const late = openStoreOver(three);
  await late.connect();
  expect([...late.nodes].sort()).toEqual([...three.slice(1), fourth].sort());
  expect(late.status().nodes.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
});
