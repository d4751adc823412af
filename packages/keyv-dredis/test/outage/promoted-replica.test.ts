import { beforeEach, describe, expect, test } from '@jest/globals';
import { createSentinel } from 'redis';
import { ask, isLinked, type RedisServer, startSentinel } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions, Location } from '../../src/index.js';
import {
  connectClient,
  keysOf,
  NO_DEADLINES,
  onCleanUp,
  openStoreOver,
  startServer,
  until,
} from '../support/index.js';
import { type Link, startLink } from '../support/outages.js';

const GROUP = 'group';
const MARK = '%dredis:run';
/** The replica gets all data as soon as it connects. */
const REPLICATION = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

let primary: RedisServer;
let replica: RedisServer;
/** The link between the two servers. */
let replication: Link;

beforeEach(async () => {
  primary = await startServer(...REPLICATION);
  replication = await startLink(primary);
  const [host, port] = replication.location.split(':') as [string, string];
  replica = await startServer(...REPLICATION, '--replicaof', host, port);
  await until(async () => isLinked(await ask(replica.location, ['INFO', 'replication'])));
});

const fieldOf = async ({ location }: RedisServer, field: string) =>
  new RegExp(`^${field}:([^\r]*)`, 'm').exec(await ask(location, ['INFO', 'everything']))?.[1] as string;

/** Waits until the replica has all writes. */
async function untilInSync(): Promise<void> {
  const offset = await fieldOf(primary, 'master_repl_offset');
  await until(async () => Number(await fieldOf(replica, 'slave_repl_offset')) >= Number(offset));
}

type Purge = [node: string, reason: string, keyCount: number];

function purgesOf(store: DRedisStore): Purge[] {
  const purges: Purge[] = [];
  store.on('node:purged', (...purge) => purges.push(purge));
  return purges;
}

const open = (location: Location, options: DRedisStoreOptions = {}) =>
  openStoreOver([location], { ...NO_DEADLINES, ...options }).on('error', () => undefined);

describe('a replica behind a fixed address that is promoted', () => {
  let address: Link;
  let store: DRedisStore;
  let purges: Purge[];

  beforeEach(async () => {
    address = await startLink(primary);
    store = open(address.location);
    purges = purgesOf(store);
    await store.setMany([
      { key: 'key', value: 'old' },
      { key: 'other', value: 'value' },
    ]);
    await untilInSync();
  });

  async function failOver(): Promise<void> {
    await address.cut(store);
    address.redirect(replica);
    await ask(replica.location, ['REPLICAOF', 'NO', 'ONE']);
    await address.restore(store);
  }

  test('keeps its entries if it has all writes', async () => {
    await failOver();
    expect(await store.getMany(['key', 'other'])).toEqual(['old', 'value']);
    const next = open(address.location);
    expect(await next.get('key')).toBe('old');
    expect([...purges, ...purgesOf(next)]).toEqual([]);
    expect(await ask(replica.location, ['GET', MARK])).toContain(await fieldOf(replica, 'run_id'));
  });

  test('keeps its entries for a process that starts after the failover', async () => {
    await store.disconnect();
    address.redirect(replica);
    await ask(replica.location, ['REPLICAOF', 'NO', 'ONE']);
    const next = open(address.location);
    const found = purgesOf(next);
    expect(await next.getMany(['key', 'other'])).toEqual(['old', 'value']);
    expect(found).toEqual([]);
  });

  test('keeps its entries again when the previous primary takes over again', async () => {
    await failOver();
    await store.set('key', 'newer');
    const [host, port] = replica.location.split(':') as [string, string];
    await ask(primary.location, ['REPLICAOF', host, port]);
    await until(async () => isLinked(await ask(primary.location, ['INFO', 'replication'])));
    await until(async () => (await ask(primary.location, ['GET', 'keyv:key'])) === 'newer');
    await address.cut(store);
    address.redirect(primary);
    await ask(primary.location, ['REPLICAOF', 'NO', 'ONE']);
    await address.restore(store);
    expect(await store.getMany(['key', 'other'])).toEqual(['newer', 'value']);
    expect(purges).toEqual([]);
  });

  test('is purged if it missed the last write, and the event says why', async () => {
    await replication.cut();
    await store.set('key', 'new');
    await failOver();
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'replica-behind', 2]]);
  });

  test('is purged if it missed a removal', async () => {
    await replication.cut();
    await store.delete('key');
    await failOver();
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'replica-behind', 2]]);
  });

  test('loses only the last written keys if another process has overwritten the last one', async () => {
    await ask(primary.location, ['MSET', 'keyv:a', '1', 'keyv:b', '2']);
    await store.set('key', 'mine');
    await ask(primary.location, ['SET', 'keyv:key', 'theirs']);
    await untilInSync();
    await failOver();
    expect(await store.getMany(['key', 'other', 'a', 'b'])).toEqual([undefined, undefined, '1', '2']);
    expect(purges).toEqual([[address.location, 'replica-behind', 2]]);
  });

  // After a healed partition, an address may lead to the old primary before that server has become a replica.
  test('is left for the old primary, which is purged, because it missed the writes in between', async () => {
    await failOver();
    await store.set('key', 'new');
    await address.cut(store);
    address.redirect(primary);
    await address.restore(store);
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'unknown-history', 2]]);
  });

  // The last write may be overwritten or expired, so the position in the history has to show that it is missing.
  test('is purged if it missed a write that the store has observed since', async () => {
    await replication.cut();
    const infoCount = async () =>
      Number(await fieldOf(primary, 'cmdstat_info').then((text) => /\d+/.exec(text)?.[0]));
    await store.set('key', 'new');
    await store.set('last', 'value', Date.now() + 20);
    const before = await infoCount();
    // Each fieldOf() above and below is one INFO.
    let asked = 0;
    await until(async () => (await infoCount()) > before + ++asked);
    await failOver();
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'replica-behind', 2]]);
  });

  test('is purged even if it has an append-only file, because the file lacks the missed writes', async () => {
    await ask(replica.location, ['CONFIG', 'SET', 'appendonly', 'yes']);
    await replication.cut();
    await store.set('key', 'new');
    await failOver();
    expect(await store.get('key')).toBeUndefined();
  });

  test('is purged by the process that missed a write, after another process has kept the entries', async () => {
    const reader = open(address.location);
    await reader.get('key');
    await replication.cut();
    await store.set('key', 'new');
    await address.cut(store, reader);
    address.redirect(replica);
    await ask(replica.location, ['REPLICAOF', 'NO', 'ONE']);
    const first = open(replica.location);
    expect(await first.get('key')).toBe('old');
    await address.restore(store, reader);
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'replica-behind', 2]]);
  });

  test("keeps its entries with restartPolicy: 'keep' even if it missed a write", async () => {
    const keeping = open(address.location, { restartPolicy: 'keep' });
    await keeping.get('key');
    await replication.cut();
    await keeping.set('key', 'new');
    await store.disconnect();
    await address.cut(keeping);
    address.redirect(replica);
    await ask(replica.location, ['REPLICAOF', 'NO', 'ONE']);
    await address.restore(keeping);
    expect(await keeping.get('key')).toBe('old');
  });

  test('is purged if it was a replica of another server, and the event says why', async () => {
    const stranger = await startServer(...REPLICATION);
    await ask(stranger.location, ['SET', 'keyv:key', 'strange']);
    await ask(replica.location, ['REPLICAOF', stranger.host, `${stranger.port}`]);
    await until(async () => (await ask(replica.location, ['GET', 'keyv:key'])) === 'strange');
    await failOver();
    expect(await store.get('key')).toBeUndefined();
    expect(purges).toEqual([[address.location, 'unknown-history', 1]]);
  });

  test('serves reads without a purge while it is still a replica', async () => {
    await address.cut(store);
    address.redirect(replica);
    await address.restore(store);
    expect(await store.get('key')).toBe('old');
    expect(purges).toEqual([]);
  });
});

test('a replica that is promoted while a store is connected to it is registered like any primary', async () => {
  await ask(primary.location, ['SET', 'keyv:key', 'value']);
  await until(async () => (await ask(replica.location, ['GET', 'keyv:key'])) === 'value');
  const store = open(replica.location);
  const purges = purgesOf(store);
  expect(await store.get('key')).toBe('value');
  await ask(replica.location, ['REPLICAOF', 'NO', 'ONE']);
  await store.set('other', 'value');
  const list = `%dredis:prefixes:${await fieldOf(replica, 'run_id')}`;
  await until(async () => (await ask(replica.location, ['SISMEMBER', list, 'keyv:'])) === '1');
  expect(await store.get('key')).toBe('value');
  expect(purges).toEqual([]);
});

// Since Redis 7, a primary that restarts from a snapshot names its own history as the previous one, as a promoted
// replica does.
test('a primary with replicas that restarts from an old snapshot is purged, and the event says why', async () => {
  const store = open(primary.location);
  const purges = purgesOf(store);
  await store.set('key', 'old');
  const historyId = await fieldOf(primary, 'master_replid');
  await ask(primary.location, ['SAVE']);
  await store.set('key', 'new');
  await store.disconnect();
  await primary.kill();
  await primary.start();
  expect(await fieldOf(primary, 'master_replid2')).toBe(historyId);
  const next = open(primary.location);
  const found = purgesOf(next);
  expect(await next.get('key')).toBeUndefined();
  expect(found).toEqual([[primary.location, 'restarted', 1]]);
  expect(purges).toEqual([]);
});

describe('a sentinel client that reads from a replica', () => {
  let sentinel: Awaited<ReturnType<typeof startSentinel>>;

  beforeEach(async () => {
    await ask(replica.location, ['REPLICAOF', ...(primary.location.split(':') as [string, string])]);
    await until(async () => isLinked(await ask(replica.location, ['INFO', 'replication'])));
    sentinel = await startSentinel({ name: GROUP, primary: primary.location });
    onCleanUp(() => sentinel.stop());
    await until(async () => (await ask(sentinel.location, ['SENTINEL', 'CKQUORUM', GROUP])).startsWith('OK'));
    await until(async () => /slaves=1/.test(await ask(sentinel.location, ['INFO', 'sentinel'])));
  });

  function makeClient(replicaPoolSize: number) {
    const { host, port } = sentinel;
    const client = createSentinel({ name: GROUP, sentinelRootNodes: [{ host, port }], replicaPoolSize });
    client.on('error', () => undefined);
    onCleanUp(() => client.isOpen && client.destroy());
    return client;
  }

  // Regression: INFO and the mark were read from a replica. When that replica was gone, the next process took the
  // primary for a restarted server, and removed all entries.
  test('asks the primary for everything but values, and a lost replica purges nothing', async () => {
    const client = makeClient(1);
    const fromReplica = new Set<string>();
    const send = client.sendCommand.bind(client);
    client.sendCommand = (isReadonly, args, options) => {
      if (isReadonly) fromReplica.add(String(args[0]));
      return send(isReadonly, args, options);
    };
    const store = open({ name: GROUP, client });
    const [key, other] = keysOf(store, GROUP, 2) as [string, string];
    await store.set(key, 'value');
    await store.getMany([key, other]);
    await store.get(key);
    await store.has(key);
    for await (const _entry of store.iterator()) break;
    await store.withNamespace('other').clear();
    expect([...fromReplica].sort()).toEqual(['EXISTS', 'GET', 'MGET']);
    expect(await ask(primary.location, ['GET', MARK])).toContain(await fieldOf(primary, 'run_id'));
    await store.disconnect();
    await replica.kill();
    const next = open({ name: GROUP, client: makeClient(0) });
    const purges = purgesOf(next);
    expect(await next.get(key)).toBe('value');
    expect(purges).toEqual([]);
  });

  test('reads from the primary while there is no replica', async () => {
    const store = open({ name: GROUP, client: makeClient(1) });
    await store.set('key', 'value');
    await replica.kill();
    // A read that was in flight to the replica may fail.
    await Promise.allSettled([store.get('key'), store.has('key')]);
    const admin = await connectClient(sentinel.location);
    await until(async () =>
      JSON.stringify(await admin.sendCommand(['SENTINEL', 'REPLICAS', GROUP])).includes('s_down'),
    );
    expect([await store.get('key'), await store.has('key')]).toEqual(['value', true]);
  });

  test('keeps the entries after a failover that was ordered from the sentinel', async () => {
    const client = makeClient(0);
    const store = open({ name: GROUP, client });
    const purges = purgesOf(store);
    await store.set('key', 'value');
    await untilInSync();
    await ask(sentinel.location, ['SENTINEL', 'FAILOVER', GROUP]);
    // A sentinel closes the connections to both servers when it changes their roles.
    const asked = (question: () => Promise<boolean>) => until(() => question().catch(() => false));
    await asked(async () => (await ask(replica.location, ['INFO', 'replication'])).includes('role:master'));
    await until(async () => client.getMasterNode()?.port === replica.port && client.isReady);
    expect(await store.get('key')).toBe('value');
    // The client changes to the new primary without an error, so the store notices it with its next observation.
    await asked(async () =>
      (await ask(replica.location, ['GET', MARK])).includes(await fieldOf(replica, 'run_id')),
    );
    const next = open({ name: GROUP, client: makeClient(0) });
    expect(await next.get('key')).toBe('value');
    expect(await store.get('key')).toBe('value');
    expect([...purges, ...purgesOf(next)]).toEqual([]);
  });
});
