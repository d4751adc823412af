import { beforeEach, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { FaultyProxy } from '../../../../tools/fault-checker/faulty-proxy.js';
import { type DRedisStore, NodeUnavailableError } from '../../src/index.js';
import { openReady, untilAllServe, untilDone, untilVoting } from '../support/failovers.js';
import { errorsOf, keysOf, onCleanUp, rejection, startServers, until } from '../support/index.js';

// One process cannot reach a node that others can reach. That must not cost the others the node.

let redis: RedisServers;
let proxy: FaultyProxy;
let cutOff: DRedisStore;
let store: DRedisStore;
let node: string;
let keys: string[];
let kept: string[];

const value = (key: string) => `value of ${key}`;
const entry = (key: string) => ({ key, value: value(key) });

beforeEach(async () => {
  redis = await startServers({ count: 4 });
  node = redis.locations[0] as string;
  const [first] = redis.servers;
  proxy = await FaultyProxy.start(first as NonNullable<typeof first>);
  onCleanUp(() => proxy[Symbol.asyncDispose]());
  const location = { name: node, host: '127.0.0.1', port: proxy.port };
  store = await openReady(redis.locations);
  cutOff = await openReady([location, ...redis.locations.slice(1)]);
  await untilVoting(redis.locations);
  keys = keysOf(store, node, 3);
  kept = redis.locations.slice(1).flatMap((name) => keysOf(store, name, 2));
  await store.setMany([...keys, ...kept].map(entry));
});

/** States that the node has had, as a store was told. */
function statesOf(observed: DRedisStore): string[] {
  const states: string[] = [];
  for (const event of ['topology:changed', 'topology:moving'] as const) {
    observed.on(event, (topology) => states.push(topology.states[node] ?? 'in service'));
  }
  return states;
}

test('a node that only one process cannot reach stays in service, and that process knows that others object', async () => {
  const states = statesOf(store);
  const errors = errorsOf(cutOff);
  proxy.condition = { type: 'cut' };
  // The first calls wait for the decision, and fail with the objection.
  const error = await rejection(cutOff.get(keys[0] as string));
  expect(error).toBeInstanceOf(NodeUnavailableError);
  expect(error.node).toBe(node);
  expect(cutOff.status().failover).toMatchObject({ isPossible: true, hasMajority: true, objectedTo: [node] });
  expect(store.status().failover.objectedTo).toEqual([]);
  await untilAllServe(store, cutOff);
  expect(states).toEqual(['leaving', 'in service']);
  // Other calls work.
  expect(await rejection(cutOff.set(keys[1] as string, 'new'))).toBeInstanceOf(NodeUnavailableError);
  expect(await cutOff.getMany([...keys, ...kept])).toEqual([
    ...keys.map(() => undefined),
    ...kept.map(value),
  ]);
  expect(errors).toMatchObject([{ code: 'DREDIS_NODE_UNAVAILABLE', node }]);
  expect(await cutOff.setMany(kept.map(entry))).toEqual(kept.map(() => true));
  expect(await store.getMany([...keys, ...kept])).toEqual([...keys, ...kept].map(value));
});

test('the other processes notice nothing but a short wait', async () => {
  const errors = errorsOf(store);
  errorsOf(cutOff);
  const wrong: unknown[] = [];
  let isOver = false;
  const use = async (offset: number) => {
    for (let turn = 0; !isOver; turn += 1) {
      const key = `used-${offset}-${turn % 50}`;
      if (!(await store.set(key, String(turn)))) wrong.push({ key, turn });
      const found = await store.get(key);
      if (found !== String(turn)) wrong.push({ key, turn, found });
    }
  };
  const using = [0, 1, 2].map(use);
  proxy.condition = { type: 'cut' };
  await until(() => cutOff.status().failover.objectedTo.includes(node));
  isOver = true;
  await Promise.all(using);
  expect(wrong).toEqual([]);
  expect(errors).toEqual([]);
  expect(await store.getMany(keys)).toEqual(keys.map(value));
});

test('the process recovers when its link works again, and reads what others have written meanwhile', async () => {
  errorsOf(cutOff);
  const [key = '', removed = ''] = keys;
  await cutOff.get(key);
  proxy.condition = { type: 'cut' };
  await until(() => cutOff.status().failover.objectedTo.includes(node));
  await store.set(key, 'new');
  await store.delete(removed);
  proxy.condition = { type: 'normal' };
  expect(await untilDone(() => cutOff.get(key))).toBe('new');
  expect(await cutOff.get(removed)).toBeUndefined();
  expect(await cutOff.set(key, 'newer')).toBe(true);
  expect(await store.get(key)).toBe('newer');
  await until(() => cutOff.status().failover.objectedTo.length === 0);
});

test.each(['error', 'miss'] as const)(
  "a process with nodeDownPolicy: '%s' objects as well if it can reach the node",
  async (nodeDownPolicy) => {
    await store.disconnect();
    const objecting = await openReady(redis.locations, { nodeDownPolicy });
    errorsOf(cutOff);
    proxy.condition = { type: 'cut' };
    await until(() => cutOff.status().failover.objectedTo.includes(node));
    await untilAllServe(objecting);
    expect(await objecting.getMany(keys)).toEqual(keys.map(value));
  },
);

test('if nobody objects, the process that is cut off from a living node does a failover, and the entries are there', async () => {
  await store.disconnect();
  proxy.condition = { type: 'cut' };
  expect(await cutOff.get(keys[0] as string)).toBeUndefined();
  expect(await cutOff.set(keys[0] as string, 'new')).toBe(true);
  // A process that can reach it brings it back, although the first one is still cut off.
  const objecting = await openReady(redis.locations);
  await untilAllServe(objecting);
  expect(await objecting.getMany(keys)).toEqual(['new', ...keys.slice(1).map(value)]);
  proxy.condition = { type: 'normal' };
  await untilDone(() => cutOff.get(keys[0] as string));
  expect(await cutOff.getMany(keys)).toEqual(['new', ...keys.slice(1).map(value)]);
});
