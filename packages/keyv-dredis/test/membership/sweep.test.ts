import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PrefixSet } from '../../src/format/prefix-set.js';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { formatRecord, recordHead } from '../../src/membership/record.js';
import { type SweepOptions, sweepNode, sweepWhole } from '../../src/membership/sweep.js';
import type { Node } from '../../src/node/node.js';
import { SupersededError } from '../../src/node/superseded.js';
import { connectClient, openNode, rejection, startServer } from '../support/index.js';

let client: Awaited<ReturnType<typeof connectClient>>;
let node: Node;

const recordOf = (epoch: number) =>
  formatRecord({ epoch, cache: 'cache', phase: 'settled', nodes: [], leaseMs: 1000, fingerprint: '' });

const HEAD = recordHead({ epoch: 7, cache: 'cache' });

beforeAll(async () => {
  const { location } = await startServer();
  client = await connectClient(location);
  node = await openNode(location);
});

beforeEach(() => client.flushAll());

/** Owns the keys that end with 0. */
const sweep = (options: Partial<SweepOptions> = {}) =>
  sweepNode({
    node,
    isOwner: (key) => key.endsWith('0'),
    head: undefined,
    prefixes: new PrefixSet(['app:']),
    scanCount: 100,
    signal: new AbortController().signal,
    ...options,
  });

const keysOf = (count: number, prefix = 'app:') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const fill = (keys: readonly string[]) => client.mSet(keys.map((key) => [key, 'x'] as [string, string]));

describe('sweepNode()', () => {
  test('removes the keys that the node does not own, and nothing else', async () => {
    await fill([...keysOf(1000), ...keysOf(5, 'other:'), '%dredis:run', 'app']);
    expect(await sweep()).toEqual({ removedCount: 900, otherCount: 0, isStopped: false });
    const left = keysOf(1000).filter((key) => key.endsWith('0'));
    expect((await client.keys('*')).sort()).toEqual(
      [...left, ...keysOf(5, 'other:'), '%dredis:run', 'app'].sort(),
    );
  });

  test('keeps keys that hold no string, and counts them', async () => {
    await client.lPush('app:list', ['x']);
    await client.hSet('app:hash', 'field', 'x');
    await fill(keysOf(10));
    expect(await sweep()).toEqual({ removedCount: 9, otherCount: 2, isStopped: false });
    expect((await client.keys('*')).sort()).toEqual(['app:0', 'app:hash', 'app:list']);
  });

  test('under a record, removes keys if the server holds the record', async () => {
    await fill(keysOf(10));
    await client.set(TOPOLOGY_KEY, recordOf(7));
    expect(await sweep({ head: HEAD })).toMatchObject({ removedCount: 9 });
  });

  test.each([
    ['epoch 0, and the server holds a record', undefined, recordOf(7)],
    ['epoch 7, and the server holds epoch 8', HEAD, recordOf(8)],
    ['epoch 7, and the server holds no record', HEAD, undefined],
  ])('in %s, removes nothing', async (_title, head, record) => {
    await fill(keysOf(10));
    if (record !== undefined) await client.set(TOPOLOGY_KEY, record);
    expect(await rejection(sweep({ head }))).toBeInstanceOf(SupersededError);
    expect(await client.keys('app:*')).toHaveLength(10);
  });

  test('stops when the signal aborts', async () => {
    await fill(keysOf(1000));
    const stop = new AbortController();
    const isOwner = () => {
      stop.abort();
      return false;
    };
    expect(await sweep({ isOwner, signal: stop.signal })).toMatchObject({ removedCount: 0, isStopped: true });
    expect(await client.dbSize()).toBe(1000);
  });
});

// Regression: after disconnect() in the middle of a sweep, the next step of a failover was decided with old entries left.
test('sweepWhole() rejects if the signal ends the sweep', async () => {
  await fill(keysOf(1000));
  const stop = new AbortController();
  const isOwner = () => {
    stop.abort(new Error('stopped'));
    return false;
  };
  const options = { node, isOwner, head: undefined, prefixes: new PrefixSet(['app:']), scanCount: 100 };
  await expect(sweepWhole({ ...options, signal: stop.signal })).rejects.toThrow('stopped');
  expect(await client.keys('app:*')).not.toHaveLength(0);
});
