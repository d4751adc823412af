import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../../packages/keyv-dredis/test/support/until.js';
import type { Part } from '../../fault-checker/negative-controls.js';
import {
  keyWithSubstitute,
  NODES,
  type ProxiedClient,
  ProxiedServers,
  untilAllServe,
  untilAway,
} from './support/proxied-servers.js';

// Each schedule shows what one part of a failover prevents. The random faults of the fault checker seldom do.

/** The node that is lost. */
const LOST = 'two';
/** The node that serves the key while the owner is away. */
const SUBSTITUTE = 'four';
const KEY = keyWithSubstitute(LOST, SUBSTITUTE);
const OTHERS = NODES.filter((name) => name !== LOST);
const KEYS_OF_ALL = [KEY, ...OTHERS.map((name) => keyWithSubstitute(name, LOST))];

const LEASE_MS = 500;
/** A failover that does not wait for the leases takes less time. */
const LONG_LEASE_MS = 4_000;
/** Time limit for a call of the client that reaches only the lost node. */
const ISOLATED_TIMEOUT_MS = 1_500;
/** Half a round trip. A write of another client takes less time. */
const DELAY_MS = 150;

let servers: ProxiedServers;

beforeAll(async () => {
  servers = await ProxiedServers.start();
});

beforeEach(() => servers.begin());

afterEach(() => servers.end());

afterAll(() => servers?.stop());

/** A client reaches only the lost node, and all others reach all but that node. Nobody gets to know of the other side. */
function partition(isolated: ProxiedClient, ...rest: ProxiedClient[]): void {
  for (const node of OTHERS) isolated.setLink(node, 'blackhole');
  for (const each of rest) each.setLink(LOST, 'cut');
}

/** Runs with and without a part of the protocol. */
const EACH = [true, false] as const;
const title = (isLeftOut: boolean) => (isLeftOut ? 'finds a stale read without' : 'finds nothing with');

describe.each(EACH)('the fault checker (left out: %s)', (isLeftOut) => {
  const without = (part: Part) => (isLeftOut ? { leftOut: part } : {});

  /** @param reader the client that reads last @param otherwise the last call if no part is left out */
  function expectStale(reader: string, otherwise: string): void {
    const message = `${reader} read writer-1 of ${KEY} after a newer set() was acknowledged`;
    expect({ last: servers.lastCall, violations: servers.violations }).toEqual(
      isLeftOut
        ? { last: `${reader} get() ok writer-1`, violations: [`stale: ${message}`] }
        : { last: otherwise, violations: [] },
    );
  }

  test(`${title(isLeftOut)} the time lease, if a client reaches only the node that the others have lost`, async () => {
    const options = { leaseMs: LEASE_MS };
    const writer = await servers.open('writer', options);
    const isolated = await servers.open('isolated', {
      ...options,
      ...without('time lease'),
      commandTimeoutMs: ISOLATED_TIMEOUT_MS,
    });
    await writer.client.set(KEY);
    await isolated.client.getMany(KEYS_OF_ALL);
    partition(isolated, writer);
    await writer.client.set(KEY);
    expect(servers.lastCall).toBe('writer set() ok writer-2');
    await isolated.client.get(KEY);
    expectStale('isolated', 'isolated get() error');
  });

  test(`${title(isLeftOut)} the wait until all leases are over, if a client still holds its lease`, async () => {
    const options = { leaseMs: LONG_LEASE_MS };
    const writer = await servers.open('writer', { ...options, ...without('wait') });
    const isolated = await servers.open('isolated', { ...options, commandTimeoutMs: ISOLATED_TIMEOUT_MS });
    await writer.client.set(KEY);
    await isolated.client.getMany(KEYS_OF_ALL);
    partition(isolated, writer);
    await writer.client.set(KEY);
    expect(servers.lastCall).toBe('writer set() ok writer-2');
    await isolated.client.get(KEY);
    expectStale('isolated', 'isolated get() error');
  });

  test(`${title(isLeftOut)} the log of missed writes, if a node returns with its old entries`, async () => {
    const options = { leaseMs: LEASE_MS };
    const writer = await servers.open('writer', { ...options, ...without('log') });
    const reader = await servers.open('reader', options);
    const all = [writer, reader];
    await writer.client.set(KEY);
    for (const { setLink } of all) setLink(LOST, 'cut');
    await untilAway(LOST, ...all);
    await writer.client.set(KEY);
    expect(servers.lastCall).toBe('writer set() ok writer-2');
    for (const { setLink } of all) setLink(LOST, 'normal');
    await untilAllServe(...all);
    await reader.client.get(KEY);
    expectStale('reader', 'reader get() ok writer-2');
  });

  test(`${title(isLeftOut)} the state returning, if a key is written after old entries were removed`, async () => {
    const options = { leaseMs: LEASE_MS };
    const writer = await servers.open('writer', options);
    const returner = await servers.open('returner', { ...options, ...without('closing') });
    const all = [writer, returner];
    await writer.client.set(KEY);
    for (const { setLink } of all) setLink(LOST, 'cut');
    await untilAway(LOST, ...all);
    const readCount = await servers.callCount(SUBSTITUTE, 'sscan');
    returner.delayLink(SUBSTITUTE, DELAY_MS);
    returner.setLink(LOST, 'normal');
    // The substitute has replied what the log contains. The returner does not know it yet, and has decided nothing.
    await until(async () => (await servers.callCount(SUBSTITUTE, 'sscan')) > readCount);
    await writer.client.set(KEY);
    expect(servers.lastCall).toBe('writer set() ok writer-2');
    returner.setLink(SUBSTITUTE, 'normal');
    writer.setLink(LOST, 'normal');
    await untilAllServe(...all);
    await writer.client.get(KEY);
    expectStale('writer', 'writer get() ok writer-2');
  });
});
