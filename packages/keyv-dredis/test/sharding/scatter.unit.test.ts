import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HashRing } from 'hash-ring';
import { type DRedisError, NodeUnavailableError } from '../../src/errors/errors.js';
import type { Node } from '../../src/node/node.js';
import { CallOrder, READ } from '../../src/sharding/call-order.js';
import type { NodeReply } from '../../src/sharding/call-results.js';
import { type NodeRequest, Placement } from '../../src/sharding/placement.js';
import { Scatter } from '../../src/sharding/scatter.js';
import { ownerOf, snapshotOf, Topology } from '../../src/sharding/topology.js';

const NAMES = ['a', 'b', 'c'];
const ring = new HashRing(NAMES);

/** Makes a snapshot of available nodes that have only a name. */
const snapshotWith = (names: readonly string[]) =>
  snapshotOf(
    names.map((name) => ({
      node: { name, isAvailable: true, retain: () => () => undefined } as unknown as Node,
      weight: 1,
    })),
  );

/** Sends a multi-key call to nodes with these names. */
function scatter<T>(
  keys: readonly string[],
  missing: T,
  send: (request: NodeRequest) => Promise<NodeReply<T>>,
  names = NAMES,
) {
  const topology = new Topology();
  topology.replace(snapshotWith(names));
  const unused = undefined as never;
  const it = new Scatter({
    placement: new Placement(topology),
    order: new CallOrder(),
    maxBatchSize: 1000,
    batcher: { flush: () => {} } as never,
    moving: unused,
    startOver: { isNeededForAny: () => false } as never,
  });
  return it.call(keys, (key) => key, { kind: READ, missing, send });
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

describe('a multi-key call', () => {
  test('sends one request per node, with keys in the order of the call, duplicates included', async () => {
    const requests: (readonly [string, readonly string[], readonly number[]])[] = [];
    await scatter([b1, a1, c1, a2, a1], undefined, async ({ node, keys, positions }) => {
      requests.push([node.name, keys, positions]);
      return { values: [] };
    });
    expect(requests).toEqual([
      ['b', [b1], [0]],
      ['a', [a1, a2, a1], [1, 3, 4]],
      ['c', [c1], [2]],
    ]);
  });

  test('without keys sends nothing', async () => {
    const result = await scatter([], undefined, () => {
      throw new Error('asked');
    });
    expect(result).toEqual({ values: [], errors: [] });
  });

  test('sends all requests before it waits for a reply', async () => {
    const asked: string[] = [];
    const answers: (() => void)[] = [];
    const result = scatter([a1, b1, c1], '', ({ node, keys }) => {
      asked.push(node.name);
      return new Promise((resolve) => answers.push(() => resolve({ values: keys })));
    });
    expect(asked).toEqual(['a', 'b', 'c']);
    for (const answer of answers.reverse()) answer();
    expect((await result).values).toEqual([a1, b1, c1]);
  });

  test('returns values in the order of the keys, whichever node replies first', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(a1, a2, b1, c1)), fc.scheduler(), async (keys, scheduler) => {
        const send = scheduler.scheduleFunction(async (request: NodeRequest) => ({
          values: request.keys.map((key) => `${request.node.name} has ${key}`),
        }));
        const result = scatter(keys, '', send);
        await scheduler.waitIdle();
        expect((await result).values).toEqual(keys.map((key) => `${owner(key)} has ${key}`));
      }),
    );
  });
});

describe('a node that fails in a multi-key call', () => {
  test('affects only its own keys, and causes one error', async () => {
    const error = unavailable('a');
    const result = await scatter([a1, b1, a2, c1], 'missing', async ({ node, keys }) => {
      if (node.name === 'a') throw error;
      return { values: keys };
    });
    expect(result).toEqual({ values: ['missing', b1, 'missing', c1], errors: [error] });
  });

  test('causes exactly one error even if all nodes fail', async () => {
    const result = await scatter([a1, b1, a2, c1], false, async ({ node }) => {
      throw unavailable(node.name);
    });
    expect(result.values).toEqual([false, false, false, false]);
    expect(result.errors.map(({ node }) => node).sort()).toEqual(['a', 'b', 'c']);
  });

  test('for only some of its keys does not lose the values that it returned', async () => {
    const error = unavailable('a');
    const result = await scatter([a1, b1, a2], false, async ({ node }) =>
      node.name === 'a' ? { values: [false, true], error } : { values: [true] },
    );
    expect(result).toEqual({ values: [false, true, true], errors: [error] });
  });

  test('by throwing is treated like a rejection', async () => {
    const result = await scatter([a1, b1], false, ({ node }) => {
      if (node.name === 'a') throw unavailable('a');
      return Promise.resolve({ values: [true] });
    });
    expect(result.values).toEqual([false, true]);
    expect(result.errors).toHaveLength(1);
  });
});

describe('a multi-key call with more than 1,000 keys', () => {
  const keys = Array.from({ length: 2500 }, (_, number) => `key-${number}`);

  test('is sent in chunks, one at a time, and yields to the event loop in between', async () => {
    const sizes: number[] = [];
    let inFlight = 0;
    let turns = 0;
    const countTurns = () => {
      turns += 1;
      if (sizes.length < 3) setImmediate(countTurns);
    };
    setImmediate(countTurns);
    const result = await scatter(
      keys,
      '',
      async (request) => {
        inFlight += 1;
        expect(inFlight).toBe(1);
        expect(turns).toBeGreaterThanOrEqual(sizes.length);
        sizes.push(request.keys.length);
        await Promise.resolve();
        inFlight -= 1;
        return { values: request.keys };
      },
      ['a'],
    );
    expect(sizes).toEqual([1000, 1000, 500]);
    expect(result.values).toEqual(keys);
  });

  test('continues with the next chunk after a node fails, and returns one error for the node', async () => {
    const error = unavailable('a');
    const chunks = new Map<string, number>();
    const result = await scatter(keys, 'missing', async ({ node, keys }) => {
      const chunk = (chunks.get(node.name) ?? 0) + 1;
      chunks.set(node.name, chunk);
      if (node.name === 'a' && chunk < 3) throw error;
      return { values: keys };
    });
    expect(Object.fromEntries(chunks)).toEqual({ a: 3, b: 3, c: 3 });
    expect(result.values).toEqual(
      keys.map((key, place) => (place < 2000 && owner(key) === 'a' ? 'missing' : key)),
    );
    expect(result.errors).toEqual([error]);
  });

  test('returns only the first error of a node that fails for some keys in several chunks', async () => {
    const errors: DRedisError[] = [];
    const result = await scatter(
      keys,
      false,
      async (request) => {
        const error = unavailable(`a, chunk ${errors.length}`);
        errors.push(error);
        return { values: request.keys.map(() => true), error };
      },
      ['a'],
    );
    expect(result.errors).toEqual([errors[0]]);
    expect(result.errors[0]).toBe(errors[0]);
  });
});

test('ownerOf() returns the node that the ring names', () => {
  const snapshot = snapshotWith(NAMES);
  for (const key of [a1, a2, b1, c1, '', 'ü']) expect(ownerOf(key, snapshot).name).toBe(owner(key));
});
