import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { DRedisStore, type DRedisStoreOptions, type LocationOptions } from 'keyv-dredis';
import { ask, type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { until } from '../../../packages/keyv-dredis/test/support/until.js';
import { checkHistory } from '../../fault-checker/check-history.js';
import { EventLoopDelay } from '../../fault-checker/event-loop-delay.js';
import { FaultyProxy } from '../../fault-checker/faulty-proxy.js';
import { type Entry, type RunEntry, toHistory } from '../../fault-checker/history.js';
import { type Part, StoreWithout } from '../../fault-checker/negative-controls.js';
import { type CheckedStore, RecordedClient } from '../../fault-checker/recorded-client.js';
import { now } from '../../shared/clock.js';

/** Longer than a connection is held back. */
const COMMAND_TIMEOUT_MS = 10_000;
const NAMESPACE = 'control';
const KEY = movingKey();
const PHYSICAL_KEY = `${NAMESPACE}:${KEY}`;

let redis: RedisServers;
let one: LocationOptions;
let two: LocationOptions;
let entries: Entry[];
let open: AsyncDisposable[];
const eventLoopDelay = new EventLoopDelay();

/** A key that moves when the second server is added. */
function movingKey(): string {
  const ring = new HashRing(['one', 'two']);
  for (let number = 0; ; number += 1) {
    if (ring.get(`${NAMESPACE}:key-${number}`) === 'two') return `key-${number}`;
  }
}

const toLocation = (name: string, { host, port }: RedisServer): LocationOptions => ({ name, host, port });

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
  [one, two] = [
    toLocation('one', redis.servers[0] as RedisServer),
    toLocation('two', redis.servers[1] as RedisServer),
  ];
});

beforeEach(async () => {
  const run: RunEntry = {
    type: 'run',
    seed: 'none',
    mode: 'membership',
    restartPolicy: 'purge',
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    nodes: ['one', 'two'],
    clockRates: {},
    startedAt: now(),
  };
  entries = [run];
  open = [];
  for (const location of redis.locations) await ask(location, ['FLUSHALL']);
});

afterEach(async () => {
  for (const each of open) await each[Symbol.asyncDispose]();
});

afterAll(() => redis?.stop());

async function openClient(
  name: string,
  { leftOut, locations = [one, two] }: { leftOut?: Part | undefined; locations?: LocationOptions[] } = {},
): Promise<RecordedClient> {
  const options: DRedisStoreOptions = { namespace: NAMESPACE, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const store: CheckedStore =
    leftOut === undefined
      ? new DRedisStore(locations, options)
      : new StoreWithout(leftOut, locations, options);
  const client = new RecordedClient(name, store, (entry) => entries.push(entry), eventLoopDelay);
  open.push({ [Symbol.asyncDispose]: () => client.disconnect() });
  await client.connect();
  return client;
}

async function startProxy(location: LocationOptions): Promise<readonly [FaultyProxy, LocationOptions]> {
  const proxy = await FaultyProxy.start(location as RedisServer);
  open.push(proxy);
  return [proxy, { ...location, port: proxy.port }];
}

/** Makes a cache of the first server, in epoch 2. */
async function startCache(): Promise<DRedisStore> {
  const store = new DRedisStore([one, two]);
  open.push({ [Symbol.asyncDispose]: () => store.disconnect() });
  await store.connect();
  await store.reshard([one]);
  return store;
}

/** Adds the second server, but moves nothing. */
async function startToAdd(store: DRedisStore): Promise<void> {
  const stop = new AbortController();
  const onProgress = ({ phase }: { phase: string }) => phase === 'moving' && stop.abort();
  const { isStopped } = await store.reshard([one, two], { signal: stop.signal, onProgress });
  expect(isStopped).toBe(true);
}

const callCountOf = async (location: string, command: string) =>
  Number(
    new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await ask(location, ['INFO', 'commandstats']))?.[1] ??
      0,
  );

const violations = () =>
  checkHistory(toHistory(entries)).violations.map(({ rule, message }) => `${rule}: ${message}`);

/**
 * A client reads a key while its entry moves. The last command of the pull, which stores the value at the new owner, is on its
 * way for so long that much else happens meanwhile.
 */
async function latePull(leftOut: Part | undefined, meanwhile: () => Promise<void>): Promise<void> {
  const [toOne, proxyOfOne] = await startProxy(one);
  const [toTwo, proxyOfTwo] = await startProxy(two);
  const reader = await openClient('reader', { leftOut, locations: [proxyOfOne, proxyOfTwo] });
  const evalCount = await callCountOf(redis.locations[0] as string, 'eval');
  toOne.condition = { type: 'mute' };
  const reading = reader.get(KEY);
  await until(async () => (await callCountOf(redis.locations[0] as string, 'eval')) > evalCount);
  toTwo.condition = { type: 'blackhole' };
  toOne.condition = { type: 'normal' };
  await until(async () => toTwo.isHolding);
  await meanwhile();
  toTwo.condition = { type: 'normal' };
  await reading;
}

/** Runs with and without a part of the protocol. */
const EACH = [true, false] as const;
const title = (isLeftOut: boolean) => (isLeftOut ? 'finds a stale read without' : 'finds nothing with');

describe.each(EACH)('the fault checker (left out: %s)', (isLeftOut) => {
  const without = (part: Part) => (isLeftOut ? { leftOut: part } : {});
  const expectStale = (message: string) =>
    expect(violations()).toEqual(isLeftOut ? [`stale: ${message}`] : []);

  test(`${title(isLeftOut)} the fence, if a set() is executed late at the old owner`, async () => {
    const admin = await startCache();
    const [toOne, proxyOfOne] = await startProxy(one);
    const writer = await openClient('writer', { ...without('fence'), locations: [proxyOfOne, two] });
    const reader = await openClient('reader');
    await reader.set(KEY);
    toOne.condition = { type: 'blackhole' };
    const writing = writer.set(KEY);
    await until(async () => toOne.isHolding);
    await admin.reshard([one, two]);
    toOne.condition = { type: 'normal' };
    await writing;
    await reader.get(KEY);
    expectStale(`reader read reader-1 of ${KEY} after a newer set() was acknowledged`);
  });

  test(`${title(isLeftOut)} the removal of leases, if a delete() overtakes a pull`, async () => {
    const admin = await startCache();
    const writer = await openClient('writer', without('lease'));
    await writer.set(KEY);
    await startToAdd(admin);
    await latePull(undefined, () => writer.delete(KEY));
    await writer.get(KEY);
    expectStale(`writer read writer-1 of ${KEY} after a newer delete() was acknowledged`);
  });

  test(`${title(isLeftOut)} the comparison of leases, if a delete() overtakes a pull`, async () => {
    const admin = await startCache();
    const writer = await openClient('writer');
    await writer.set(KEY);
    await startToAdd(admin);
    await latePull(isLeftOut ? 'comparison' : undefined, () => writer.delete(KEY));
    await writer.get(KEY);
    expectStale(`writer read writer-1 of ${KEY} after a newer delete() was acknowledged`);
  });

  test(`${title(isLeftOut)} the check of the record in scripts, if a pull is late by an epoch`, async () => {
    const admin = await startCache();
    const writer = await openClient('writer');
    await writer.set(KEY);
    await startToAdd(admin);
    await latePull(isLeftOut ? 'record' : undefined, async () => {
      // As if the entry had expired. Otherwise, the mover would use up the lease.
      await ask(redis.locations[0] as string, ['DEL', PHYSICAL_KEY]);
      await admin.reshard([one, two]);
      await writer.set(KEY);
      await writer.delete(KEY);
    });
    await writer.get(KEY);
    expect(violations().length > 0).toBe(isLeftOut);
    if (isLeftOut)
      expect(violations().at(-1)).toBe(
        `stale: writer read writer-1 of ${KEY} after a newer delete() was acknowledged`,
      );
  });

  test(`${title(isLeftOut)} the order of writes, if a delete() reaches the new owner first`, async () => {
    const admin = await startCache();
    const [toOne, proxyOfOne] = await startProxy(one);
    const writer = await openClient('writer', { ...without('order'), locations: [proxyOfOne, two] });
    const reader = await openClient('reader');
    await reader.set(KEY);
    await startToAdd(admin);
    await writer.get('another key');
    const unlinkCount = await callCountOf(redis.locations[1] as string, 'unlink');
    toOne.condition = { type: 'blackhole' };
    const writing = writer.delete(KEY);
    await until(async () => toOne.isHolding);
    // The key, and its lease.
    if (isLeftOut)
      await until(async () => (await callCountOf(redis.locations[1] as string, 'unlink')) >= unlinkCount + 2);
    await reader.get(KEY);
    toOne.condition = { type: 'normal' };
    await writing;
    await reader.get(KEY);
    expectStale(`reader read reader-1 of ${KEY} after a newer delete() was acknowledged`);
  });
});
