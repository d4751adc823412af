import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ask, type RedisServer, type RedisServers } from 'redis-launcher';
import { FaultyProxy } from '../../../../tools/fault-checker/faulty-proxy.js';
import type { DRedisStoreOptions, LocationOptions } from '../../src/index.js';
import { keysOn, LEASE_MS, untilDone, untilVoting } from '../support/failovers.js';
import { Fleet, type FleetMember, staleReads } from '../support/fleet.js';
import { DEADLINE_MS, onCleanUp, startServers, until } from '../support/index.js';

// Several processes use the same servers, and some of these fail. No process may read an old value.

const OPTIONS: DRedisStoreOptions = {
  leaseMs: LEASE_MS,
  commandTimeoutMs: DEADLINE_MS,
  connectTimeoutMs: DEADLINE_MS / 2,
};

const fleet = new Fleet();
let redis: RedisServers;
let four: readonly string[];
let victim: RedisServer;
let members: readonly FleetMember[];

beforeAll(async () => {
  redis = await startServers({ count: 5 });
  four = redis.locations.slice(0, 4);
  victim = redis.servers[0] as RedisServer;
  await fleet.take(8);
});

beforeEach(async () => {
  // The servers that the test before has killed or paused run again.
  await Promise.all(redis.locations.map((location) => ask(location, ['FLUSHALL'])));
});

/** Opens stores in so many processes. The clean-up closes them. */
async function open(
  count: number,
  locationsOf: (index: number) => readonly unknown[] = () => four,
): Promise<void> {
  members = await fleet.take(count);
  for (const member of members) onCleanUp(() => member.call('close').catch(() => undefined));
  await Promise.all(
    members.map((member, index) => member.call('open', locationsOf(index) as never, OPTIONS)),
  );
  await untilVoting(four);
}

const living = () => members.filter(({ hasEnded }) => !hasEnded);

async function statesOf(node: string): Promise<readonly string[]> {
  const topologies = await Promise.all(living().map((member) => member.call('states')));
  return topologies.map(({ phase, states }) => states[node] ?? phase);
}

const untilAway = (node = victim.location) =>
  until(async () => (await statesOf(node)).every((state) => state === 'away'));

const untilAllServe = () =>
  until(async () => {
    const topologies = await Promise.all(living().map((member) => member.call('states')));
    return topologies.every(({ phase, states }) => phase === 'settled' && Object.keys(states).length === 0);
  });

/** Keys, without the namespace. @param node their owner; any if undefined */
const keysOf = (node: string | undefined, count: number, prefix?: string) =>
  keysOn(four, node, count, prefix);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets processes read and write while something happens. @returns stale reads, and the events */
async function underLoad(
  workers: readonly FleetMember[],
  act: () => Promise<unknown>,
  prefix = `load-${Math.random()}`,
) {
  // Most keys belong to the victim.
  const all = [...keysOf(victim.location, 18, prefix), ...keysOf(undefined, 6, prefix)];
  const keys = [...new Set(all)];
  await Promise.all(
    workers.map((worker, index) =>
      worker.call('beginWork', {
        own: keys.filter((_, number) => number % workers.length === index),
        all: keys,
      }),
    ),
  );
  await sleep(300);
  await act();
  await sleep(300);
  const events = (
    await Promise.all(workers.filter(({ hasEnded }) => !hasEnded).map((worker) => worker.call('endWork')))
  ).flat();
  expect(events.filter(({ type }) => type === 'read').length).toBeGreaterThan(100);
  expect(events.filter(({ type }) => type === 'write').length).toBeGreaterThan(50);
  return { events, stale: staleReads(events) };
}

/** Proxies between a process and servers. The clean-up closes them. */
async function proxied(server: RedisServer): Promise<readonly [FaultyProxy, readonly LocationOptions[]]> {
  const proxy = await FaultyProxy.start(server);
  onCleanUp(() => proxy[Symbol.asyncDispose]());
  const locations = redis.servers.slice(0, 4).map(({ location: name, host, port }) => ({
    name,
    host,
    port: name === server.location ? proxy.port : port,
  }));
  return [proxy, locations];
}

/** Freezes the victim, which keeps its entries, until it is away. */
async function freeze(): Promise<void> {
  await victim.pause();
  const [key = ''] = keysOf(victim.location, 1);
  await Promise.all(members.map((member) => untilDone(() => member.call('get', key))));
  await untilAway();
}

/**
 * What all processes read, again and again until something has happened, and a little longer.
 *
 * @returns the values, and the messages of failed reads
 */
async function readWhile(
  keys: readonly string[],
  act: () => Promise<unknown>,
): Promise<{ readonly values: readonly (string | null)[]; readonly failures: readonly string[] }> {
  const values = new Set<string | null>();
  const failures = new Set<string>();
  let isOver = false;
  const reading = members.map(async (member) => {
    for (let rest = 3; rest > 0; rest -= isOver ? 1 : 0) {
      try {
        for (const value of await member.call('getEach', keys)) values.add(value);
      } catch (error) {
        failures.add((error as Error).message);
      }
    }
  });
  await act();
  isOver = true;
  await Promise.all(reading);
  return { values: [...values], failures: [...failures] };
}

test('six processes read no value older than an acknowledged write while a killed server goes away and comes back', async () => {
  await open(6);
  const { events, stale } = await underLoad(members, async () => {
    await victim.kill();
    await untilAway();
    await sleep(300);
    await victim.start();
    await untilAllServe();
  });
  expect(stale).toEqual([]);
  expect(events.filter(({ error }) => error !== undefined)).toEqual([]);
});

test('six processes read no old value while a frozen server goes away and comes back', async () => {
  await open(6);
  const { stale } = await underLoad(members, async () => {
    await victim.pause();
    await untilAway();
    await sleep(300);
    await victim.resume();
    await untilAllServe();
  });
  expect(stale).toEqual([]);
});

test('a process that is cut off from one of four nodes makes no read of others stale, also if it is killed then', async () => {
  const [proxy, locations] = await proxied(victim);
  await open(4, (index) => (index === 3 ? locations : four));
  const [other, , , cutOff] = members as [FleetMember, FleetMember, FleetMember, FleetMember];
  const keys = keysOf(victim.location, 10, 'cut');
  const acknowledged = new Map<string, number>();
  await other.call('setMany', keys, '0');
  const { stale } = await underLoad(members.slice(0, 3), async () => {
    proxy.condition = { type: 'cut' };
    for (let version = 1; version <= 10; version += 1) {
      await Promise.all(
        keys.map(async (key) => {
          const isDone = await cutOff.call('set', key, String(version)).catch(() => false);
          if (isDone) acknowledged.set(key, version);
        }),
      );
      await sleep(50);
      for (const [index, found] of (await other.call('getEach', keys)).entries()) {
        expect(Number(found)).toBeGreaterThanOrEqual(acknowledged.get(keys[index] as string) ?? 0);
      }
    }
    await cutOff.kill();
    proxy.condition = { type: 'normal' };
    await sleep(300);
  });
  expect(stale).toEqual([]);
  for (const [index, found] of (await other.call('getEach', keys)).entries()) {
    expect(Number(found)).toBeGreaterThanOrEqual(acknowledged.get(keys[index] as string) ?? 0);
  }
});

describe('while a server is away that keeps its entries,', () => {
  const keys = () => keysOf(victim.location, 40);

  beforeEach(async () => {
    await open(4);
    await members[0]?.call('setMany', keys(), 'old');
    await freeze();
  });

  test('delete() is acknowledged, and then no process reads the value again, also after the return', async () => {
    const [first] = members as [FleetMember];
    await Promise.all(keys().map((key) => first.call('delete', key)));
    const found = await readWhile(keys(), async () => {
      await victim.resume();
      await untilAllServe();
    });
    expect(found).toEqual({ values: [null], failures: [] });
  });

  test('clear() is acknowledged, and then no process finds an old entry, although the server returns at that moment', async () => {
    const [first, second] = members as [FleetMember, FleetMember];
    const resumed = victim.resume();
    await untilDone(() => first.call('clear'));
    const found = await readWhile(keys(), async () => {
      await resumed;
      await untilAllServe();
    });
    expect(found).toEqual({ values: [null], failures: [] });
    expect(await second.call('listed')).toEqual([]);
  });

  test('an operator removes a server that holds a log, and nothing is stale after the return', async () => {
    const [first, second] = members as [FleetMember, FleetMember];
    await first.call('setMany', keys(), 'new');
    const rest = four.filter((name) => name !== four[2]);
    await second.call('reshard', rest);
    const found = await readWhile(keys(), async () => {
      await victim.resume();
      await untilAllServe();
    });
    expect(found).toEqual({ values: ['new'], failures: [] });
  });

  test('a process writes and disconnects at once, and the others read what it has written', async () => {
    const [first] = members as [FleetMember];
    expect(await first.call('setAndDisconnect', keys(), 'new')).toEqual(keys().map(() => true));
    members = members.slice(1);
    const found = await readWhile(keys(), async () => {
      await victim.resume();
      await untilAllServe();
    });
    expect(found).toEqual({ values: ['new'], failures: [] });
  });
});

test('of eight processes, one removes the entries of a server that has restarted with an old snapshot', async () => {
  await open(8);
  const [first] = members as [FleetMember];
  const keys = keysOf(victim.location, 200);
  await first.call('setMany', keys, 'old');
  await ask(victim.location, ['SAVE']);
  await first.call('setMany', keys, 'new');
  const { values } = await readWhile(keys.slice(0, 20), async () => {
    await victim.kill();
    await victim.start();
    await until(async () => {
      const all = await Promise.all(
        members.map((member) => member.call('getEach', keys).catch(() => ['failed'])),
      );
      return all.flat().every((value) => value === null);
    });
    await untilAllServe();
  });
  expect(values).not.toContain('old');
  const purges = (await Promise.all(members.map((member) => member.call('purges')))).flat();
  expect(purges).toEqual([[victim.location, 'restarted', 200]]);
});

test.each([
  ['the server still works, but only this process reaches it', 'cut'],
  ['the server does not answer anybody else', 'blackhole'],
] as const)(
  'a process that was paused for longer than a lease neither reads old values nor loses writes: %s',
  async (_name, type) => {
    const proxies: FaultyProxy[] = [];
    const lists: (readonly LocationOptions[])[] = [];
    for (let index = 0; index < 3; index += 1) {
      const [proxy, locations] = await proxied(victim);
      proxies.push(proxy);
      lists.push(locations);
    }
    await open(4, (index) => lists[index] ?? four);
    const [other, , , paused] = members as [FleetMember, FleetMember, FleetMember, FleetMember];
    const { stale } = await underLoad(members, async () => {
      paused.pause();
      for (const proxy of proxies) proxy.condition = { type };
      await until(async () => (await other.call('states')).states[victim.location] === 'away');
      await sleep(2 * LEASE_MS);
      paused.resume();
      await sleep(4 * LEASE_MS);
      for (const proxy of proxies) proxy.condition = { type: 'normal' };
      await untilAllServe();
    });
    expect(stale).toEqual([]);
  },
);
