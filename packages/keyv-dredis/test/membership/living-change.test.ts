import { beforeAll, expect, test } from '@jest/globals';
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
