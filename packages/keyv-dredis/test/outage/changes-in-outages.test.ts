import { beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer, RedisServers } from 'redis-launcher';
import type { ChangeProgress, DRedisStore } from '../../src/index.js';
import {
  openReady,
  presentState,
  untilAllServe,
  untilAway,
  untilDone,
  untilVoting,
} from '../support/failovers.js';
import { connectClient, DEADLINE_MS, keysOf, startServers } from '../support/index.js';

// An operator changes the nodes while one of them is away, or a node is lost during a change.

let redis: RedisServers;
let servers: readonly RedisServer[];
let five: readonly string[];
let four: readonly string[];
let victim: RedisServer;
let store: DRedisStore;
let other: DRedisStore;
let errors: unknown[];

beforeEach(async () => {
  redis = await startServers({ count: 5 });
  servers = redis.servers;
  five = redis.locations;
  four = five.slice(0, 4);
  victim = servers[0] as RedisServer;
  const options = { namespace: 'n', connectTimeoutMs: DEADLINE_MS, commandTimeoutMs: 2 * DEADLINE_MS };
  [store, other] = await Promise.all([openReady(four, options), openReady(four, options)]);
  errors = [];
  for (const each of [store, other]) each.on('error', (error) => errors.push(error));
  await untilVoting(four);
  await store.setMany(entries('old'));
});

const KEYS = Array.from({ length: 400 }, (_, number) => `key-${number}`);
const entries = (value: string, keys = KEYS) => keys.map((key) => ({ key, value }));

/** Checks that no entry is old, and that each server only has entries that it owns. */
async function expectCurrent(value: string, nodes: readonly string[], keys = KEYS): Promise<void> {
  for (const each of [store, other]) {
    const found = await each.getMany(keys);
    expect(new Set(found)).toEqual(new Set([value]));
  }
  for (const name of nodes) {
    const client = await connectClient(name);
    const owned = new Set(keysOf(store, name, 1_000).map((key) => `n:${key}`));
    const held = (await client.keys('n:*')).filter((key) => !owned.has(key));
    expect([name, held]).toEqual([name, []]);
  }
}

describe('while a node is away,', () => {
  beforeEach(async () => {
    await victim.kill();
    await untilAway(victim.location, store, other);
    await store.setMany(entries('new'));
  });

  test('an operator adds a server: no entry is lost, and the node returns afterwards', async () => {
    expect(await store.reshard(five)).toMatchObject({ isStopped: false });
    expect(presentState(store, victim.location)).toBe('away');
    expect(new Set(await other.getMany(KEYS))).toEqual(new Set(['new']));
    await other.setMany(entries('newer', KEYS.slice(0, 200)));
    await victim.start();
    await untilAllServe(store, other);
    expect(store.nodes).toEqual(five);
    expect(new Set(await store.getMany(KEYS.slice(0, 200)))).toEqual(new Set(['newer']));
    await store.setMany(entries('newest'));
    await expectCurrent('newest', five);
    expect(errors).toEqual([]);
  });

  test('an operator removes another server: no entry is lost, and the node returns afterwards', async () => {
    const rest = [four[0], four[1], four[2]] as string[];
    expect(await store.reshard(rest)).toMatchObject({ isStopped: false });
    expect(new Set(await other.getMany(KEYS))).toEqual(new Set(['new']));
    await victim.start();
    await untilAllServe(store, other);
    await expectCurrent('new', rest);
    expect(errors).toEqual([]);
  });

  test('an operator removes that node: no entry is lost, and it does not come back', async () => {
    const rest = four.slice(1);
    expect(await other.reshard(rest)).toMatchObject({ isStopped: false });
    await untilAllServe(store, other);
    expect(store.nodes).toEqual(rest);
    await expectCurrent('new', rest);
    await victim.start();
    await expectCurrent('new', rest);
    expect((await (await connectClient(victim.location)).keys('n:*')).length).toBe(0);
    expect(errors).toEqual([]);
  });
});

describe('a node that is lost while entries move', () => {
  /** Begins a change, and calls a function in the middle. @returns the end of the change */
  async function changeWhile(locations: readonly string[], act: () => Promise<void>): Promise<unknown> {
    let acting: Promise<void> | undefined;
    const onProgress = ({ phase, movedCount }: ChangeProgress) => {
      if (phase === 'moving' && movedCount > 0) acting ??= act();
    };
    const outcome = await store
      .reshard(locations, { maxKeysPerSecond: 200, onProgress })
      .catch((error: Error) => error);
    await acting;
    return outcome;
  }

  test.each([
    ['a node that gives entries away', () => victim, () => five],
    ['the node that gets entries', () => servers[4] as RedisServer, () => five],
    ['the node that is being removed', () => servers[3] as RedisServer, () => four.slice(0, 3)],
  ])('does not keep the change from its end: %s', async (_name, lost, locations) => {
    const server = lost();
    const target = locations();
    const outcome = await changeWhile(target, () => server.kill());
    if (outcome instanceof Error) {
      // The change can be resumed.
      expect(outcome).toMatchObject({ code: 'DREDIS_CHANGE_INCOMPLETE' });
      await untilDone(() => store.reshard(target));
    }
    const found = await other.getMany(KEYS);
    for (const value of found) expect(['old', undefined]).toContain(value);
    await other.setMany(entries('new'));
    await server.start();
    if (target.includes(server.location)) await untilAllServe(store, other);
    expect(store.nodes).toEqual(target);
    await expectCurrent('new', target);
    await store.setMany(entries('newer'));
    await expectCurrent('newer', target);
    expect(outcome).toMatchObject({ isStopped: false });
  });

  test('shows no old entry when it goes on: a frozen node that gives entries away', async () => {
    await changeWhile(five, () => victim.pause());
    await untilDone(() => store.reshard(five));
    await untilDone(async () => {
      const stored = await other.setMany(entries('new'));
      if (stored.includes(false)) throw new Error('not yet');
    });
    await victim.resume();
    await untilAllServe(store, other);
    await expectCurrent('new', five);
  });
});
