import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing } from 'hash-ring';
import { type DRedisError, NodeUnavailableError } from '../../src/errors/errors.js';
import type { Node } from '../../src/node/node.js';
import type { Hints } from '../../src/outage/hints.js';
import { Router, type Share } from '../../src/sharding/router.js';
import type { Topology } from '../../src/sharding/topology.js';

const NAMES = ['a', 'b', 'c'];
const ring = new HashRing(NAMES);

/** A router over nodes that have a name and serve, which is all that it needs of them. */
function routerOver(names: readonly string[] = NAMES): Router {
  const nodes = new Map(names.map((name) => [name, { name, serves: true } as unknown as Node]));
  const ring = new HashRing(names);
  const byIndex = ring.nodes.map((name) => nodes.get(name));
  const limits = { keyCount: 1000, keyLength: 65_536 };
  const topology = { snapshot: { ring, nodes, byIndex } } as unknown as Topology;
  return new Router(topology, undefined as unknown as Hints, limits, false);
}

const owner = (key: string) => ring.get(key) as string;
const keysOwnedBy = (name: string) =>
  Array.from({ length: 100 }, (_, number) => `key-${number}`).filter((key) => owner(key) === name);
const [a1, a2, b1, c1] = [
  keysOwnedBy('a')[0],
  keysOwnedBy('a')[1],
  keysOwnedBy('b')[0],
  keysOwnedBy('c')[0],
] as [string, string, string, string];

const unavailable = (node: string) => new NodeUnavailableError(node, new Error('gone'));

describe('a call over many keys', () => {
  test('is one share per node, with keys in the order of the call, duplicates and all', async () => {
    const shares: (readonly [string, readonly string[], readonly number[]])[] = [];
    await routerOver().scatter([b1, a1, c1, a2, a1], undefined, async ({ node, keys, positions }) => {
      shares.push([node.name, keys, positions]);
      return { values: [] };
    });
    expect(shares).toEqual([
      ['b', [b1], [0]],
      ['a', [a1, a2, a1], [1, 3, 4]],
      ['c', [c1], [2]],
    ]);
  });

  test('of no keys asks nobody', async () => {
    const gathered = await routerOver().scatter([], undefined, () => {
      throw new Error('asked');
    });
    expect(gathered).toEqual({ values: [], errors: [] });
  });

  test('asks all nodes before it waits for any', async () => {
    const asked: string[] = [];
    const answers: (() => void)[] = [];
    const gathered = routerOver().scatter([a1, b1, c1], '', ({ node, keys }) => {
      asked.push(node.name);
      return new Promise((resolve) => answers.push(() => resolve({ values: keys })));
    });
    expect(asked).toEqual(['a', 'b', 'c']);
    for (const answer of answers.reverse()) answer();
    expect((await gathered).values).toEqual([a1, b1, c1]);
  });

  test('has its values where its keys are, whichever node answers first', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(a1, a2, b1, c1)), fc.scheduler(), async (keys, scheduler) => {
        const send = scheduler.scheduleFunction(async (share: Share) => ({
          values: share.keys.map((key) => `${share.node.name} has ${key}`),
        }));
        const gathered = routerOver().scatter(keys, '', send);
        await scheduler.waitIdle();
        expect((await gathered).values).toEqual(keys.map((key) => `${owner(key)} has ${key}`));
      }),
    );
  });
});

describe('a node that fails', () => {
  test('costs its own keys, and is one error', async () => {
    const error = unavailable('a');
    const gathered = await routerOver().scatter([a1, b1, a2, c1], 'missing', async ({ node, keys }) => {
      if (node.name === 'a') throw error;
      return { values: keys };
    });
    expect(gathered).toEqual({ values: ['missing', b1, 'missing', c1], errors: [error] });
  });

  test('one error each when all fail', async () => {
    const gathered = await routerOver().scatter([a1, b1, a2, c1], false, async ({ node }) => {
      throw unavailable(node.name);
    });
    expect(gathered.values).toEqual([false, false, false, false]);
    expect(gathered.errors.map(({ node }) => node).sort()).toEqual(['a', 'b', 'c']);
  });

  test('in part keeps the values that it gave', async () => {
    const error = unavailable('a');
    const gathered = await routerOver().scatter([a1, b1, a2], false, async ({ node }) =>
      node.name === 'a' ? { values: [false, true], error } : { values: [true] },
    );
    expect(gathered).toEqual({ values: [false, true, true], errors: [error] });
  });

  test('before it gave a promise is no different', async () => {
    const gathered = await routerOver().scatter([a1, b1], false, ({ node }) => {
      if (node.name === 'a') throw unavailable('a');
      return Promise.resolve({ values: [true] });
    });
    expect(gathered.values).toEqual([false, true]);
    expect(gathered.errors).toHaveLength(1);
  });
});

describe('a call with more than 1,000 keys', () => {
  const keys = Array.from({ length: 2500 }, (_, number) => `key-${number}`);

  test('goes out step by step, one at a time, and the event loop turns in between', async () => {
    const sizes: number[] = [];
    let underWay = 0;
    let turns = 0;
    const countTurns = () => {
      turns += 1;
      if (sizes.length < 3) setImmediate(countTurns);
    };
    setImmediate(countTurns);
    const gathered = await routerOver(['a']).scatter(keys, '', async (share) => {
      underWay += 1;
      expect(underWay).toBe(1);
      expect(turns).toBeGreaterThanOrEqual(sizes.length);
      sizes.push(share.keys.length);
      await Promise.resolve();
      underWay -= 1;
      return { values: share.keys };
    });
    expect(sizes).toEqual([1000, 1000, 500]);
    expect(gathered.values).toEqual(keys);
  });

  test('goes out at once in its first step', () => {
    let sent = false;
    routerOver(['a']).scatter(keys, '', async (share) => {
      sent = true;
      return { values: share.keys };
    });
    expect(sent).toBe(true);
  });

  test('goes on with the next step where a node fails, and that is one error', async () => {
    const error = unavailable('a');
    const steps = new Map<string, number>();
    const gathered = await routerOver().scatter(keys, 'missing', async ({ node, keys }) => {
      const step = (steps.get(node.name) ?? 0) + 1;
      steps.set(node.name, step);
      if (node.name === 'a' && step < 3) throw error;
      return { values: keys };
    });
    expect(Object.fromEntries(steps)).toEqual({ a: 3, b: 3, c: 3 });
    expect(gathered.values).toEqual(
      keys.map((key, place) => (place < 2000 && owner(key) === 'a' ? 'missing' : key)),
    );
    expect(gathered.errors).toEqual([error]);
  });

  test('that fails in part in several steps is one error, the first', async () => {
    const errors: DRedisError[] = [];
    const gathered = await routerOver(['a']).scatter(keys, false, async (share) => {
      const error = unavailable(`a, step ${errors.length}`);
      errors.push(error);
      return { values: share.keys.map(() => true), error };
    });
    expect(gathered.errors).toEqual([errors[0]]);
    expect(gathered.errors[0]).toBe(errors[0]);
  });
});

test('the owner of a key is the ring’s', () => {
  const router = routerOver();
  for (const key of [a1, a2, b1, c1, '', 'ü']) expect(router.owner(key).name).toBe(owner(key));
});
