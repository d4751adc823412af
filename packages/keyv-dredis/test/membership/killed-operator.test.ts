import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { ChangeLostError } from '../../src/errors/errors.js';
import { planChange, resumeChange } from '../../src/membership/change.js';
import type { Operator } from '../../src/membership/operator.js';
import type { Target } from '../../src/membership/plan.js';
import { targetsWith, targetsWithout, targetsWithWeights } from '../../src/membership/targets.js';
import { connectClient, type PlainClient } from '../support/clients.js';
import {
  describeNodes,
  entriesOn,
  fill,
  openOperator,
  recordOn,
  registerPrefix,
  startServers,
} from '../support/index.js';

const KEY_COUNT = 60;

let redis: RedisServers;
let clients: Map<string, PlainClient>;
let three: string[];
let fourth: string;

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  three = redis.locations.slice(0, 3);
  fourth = redis.locations[3] as string;
});

beforeEach(async () => {
  clients = new Map(
    await Promise.all(redis.locations.map(async (name) => [name, await connectClient(name)] as const)),
  );
});

/** Lets an operator die after so many commands. The last one is executed, but nobody reads its reply. */
function dieAfter(operator: Operator, names: readonly string[], count: number) {
  let sentCount = 0;
  let die = () => {};
  const death = new Promise<'dead'>((resolve) => {
    die = () => resolve('dead');
  });
  for (const name of names) {
    const node = operator.node(name);
    const send = node.run.bind(node);
    node.run = (request, options) => {
      sentCount += 1;
      if (sentCount < count) return send(request, options);
      const executed = sentCount === count ? send(request, options) : Promise.resolve();
      executed.then(die, die);
      return new Promise(() => undefined);
    };
  }
  return { death, sentCount: () => sentCount };
}

/** Carries out the change, however often another operator has to be told of the dead one's decision. */
async function carryOut(targetOf: (operator: Operator) => readonly Target[]): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    const operator = await openOperator(three);
    try {
      const plan = (await resumeChange(operator)) ?? (await planChange(operator, targetOf(operator)));
      await plan.run();
      const { nodes } = await openOperator(three);
      const target = targetOf(operator);
      if (target.length === nodes.length) return;
    } catch (error) {
      if (!(error instanceof ChangeLostError)) throw error;
    } finally {
      await operator.close();
    }
  }
  throw new Error('told three times of another change');
}

const CHANGES = {
  add: {
    targetOf: (operator: Operator) =>
      operator.nodes.length === 4 ? operator.nodes : targetsWith(operator, describeNodes([fourth])),
    after: () => redis.locations.map((name) => ({ name, weight: 1 })),
  },
  remove: {
    targetOf: (operator: Operator) =>
      operator.nodes.length === 2 ? operator.nodes : targetsWithout(operator, [three[2] as string]),
    after: () => three.slice(0, 2).map((name) => ({ name, weight: 1 })),
  },
  weight: {
    targetOf: (operator: Operator) => targetsWithWeights(operator, new Map([[three[0] as string, 2]])),
    after: () => three.map((name, index) => ({ name, weight: index === 0 ? 2 : 1 })),
  },
};

test.each(['add', 'remove', 'weight'] as const)(
  'an operator that dies after any command leaves a change that another one finishes: %s',
  async (kind) => {
    const { targetOf, after } = CHANGES[kind];
    let isFinished = false;
    for (let count = 1; !isFinished; count += 1) {
      for (const client of clients.values()) await client.flushAll();
      await registerPrefix(clients.get(three[0] as string) as PlainClient, 'app:');
      const entries = await fill(
        clients,
        three.map((name) => ({ name, weight: 1 })),
        KEY_COUNT,
      );
      const dying = await openOperator(three);
      const plan = await planChange(dying, targetOf(dying));
      const { death } = dieAfter(dying, kind === 'add' ? redis.locations : three, count);
      isFinished = (await Promise.race([plan.run(), death])) !== 'dead';
      if (!isFinished) await carryOut(targetOf);
      const found = await entriesOn(clients, after());
      expect({ count, ...found }).toEqual({ count, entries, orphans: [] });
      for (const { name } of after()) {
        const record = await recordOn(clients.get(name) as PlainClient);
        expect(record?.phase).toBe('settled');
        expect(record?.nodes.map(({ name: each, weight }) => ({ name: each, weight }))).toEqual(after());
      }
      await dying.close();
    }
  },
);
