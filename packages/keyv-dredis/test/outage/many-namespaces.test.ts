import { beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore, DRedisStoreOptions, NamespacedStore } from '../../src/index.js';
import {
  connectClient,
  interceptCommands,
  keysOf,
  NO_DEADLINES,
  openStoreOver,
  recordCommands,
  startServers,
  until,
} from '../support/index.js';

const NAMESPACES = 1500;

let servers: readonly RedisServer[];
let server: RedisServer;
let client: Awaited<ReturnType<typeof connectClient>>;

beforeEach(async () => {
  ({ servers } = await startServers({ count: 2 }));
  server = servers[0] as RedisServer;
  client = await connectClient(server.location);
});

const open = (options: DRedisStoreOptions = {}, locations = [server.location]) =>
  openStoreOver(locations, { ...NO_DEADLINES, ...options }).on('error', () => undefined);

async function restartFromSnapshot(): Promise<void> {
  await client.sendCommand(['SAVE']);
  await server.kill();
  await server.start();
  client = await connectClient(server.location);
}

/** Calls until the store has recovered the server. A quick restart need not take the node down. */
const untilServed = (store: DRedisStore) =>
  until(() =>
    store.get('key').then(
      () => true,
      () => false,
    ),
  );

const stats = async () => await client.info('commandstats');
const callsOf = async (command: string) =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await stats())?.[1] ?? 0);
const commandCount = async () =>
  Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]);

/** All prefixes that are registered on the server. */
async function registered(): Promise<string[]> {
  const runIds = await client.sMembers('%dredis:prefixes');
  const lists = await Promise.all(runIds.map((runId) => client.sMembers(`%dredis:prefixes:${runId}`)));
  return lists.flat().sort();
}

const namesOf = (count: number) => Array.from({ length: count }, (_, number) => `tenant-${number}`);

async function fill(store: DRedisStore, names: readonly string[]): Promise<NamespacedStore[]> {
  const stores = names.map((name) => store.withNamespace(name));
  await Promise.all(stores.map((each) => each.setMany([{ key: 'key', value: 'old' }])));
  return stores;
}

// Regression: each namespace cost two SCANs over the whole database, one after the other, and the list of
// namespaces only grew.
describe('a server with 1,500 namespaces that restarts from an old snapshot', () => {
  test('is purged with one SCAN, by a process that does not know them, and forgets them', async () => {
    const store = open();
    await fill(store, namesOf(NAMESPACES));
    await store.disconnect();
    await client.mSet({
      foreign: 'value',
      'tenant-1': 'value',
      'other:key': 'value',
      'tenant-1x:key': 'value',
    });
    expect(await registered()).toEqual(['keyv:', ...namesOf(NAMESPACES).map((name) => `${name}:`)].sort());
    await restartFromSnapshot();
    const keyCount = await client.dbSize();
    const next = open({ namespace: 'next' });
    const purges: unknown[] = [];
    next.on('node:purged', (...purge) => purges.push(purge));
    await next.connect();
    expect(purges).toEqual([[server.location, 'restarted', NAMESPACES]]);
    expect((await client.keys('*')).filter((key) => !key.startsWith('%dredis:')).sort()).toEqual(
      ['foreign', 'other:key', 'tenant-1', 'tenant-1x:key'].sort(),
    );
    expect(await registered()).toEqual(['next:']);
    // A page of SCAN has about 1,000 keys.
    const pages = await callsOf('scan');
    expect(pages).toBeLessThanOrEqual(Math.ceil(keyCount / 1000) + 2);
    expect(await commandCount()).toBeLessThan(60);
  });

  test('is registered with the namespaces of all live stores again, and with no others', async () => {
    const store = open();
    const stores = await fill(store, namesOf(NAMESPACES));
    for (const each of stores.slice(NAMESPACES / 2)) await each.disconnect();
    const live = namesOf(NAMESPACES / 2).map((name) => `${name}:`);
    await restartFromSnapshot();
    await untilServed(store);
    expect(await registered()).toEqual(['keyv:', ...live].sort());
    expect(await (stores[0] as NamespacedStore).get('key')).toBeUndefined();
    // The next restart must find them too.
    await (stores[0] as NamespacedStore).set('key', 'newer');
    await store.disconnect();
    await restartFromSnapshot();
    await open().connect();
    expect((await client.keys('*')).filter((key) => !key.startsWith('%dredis:'))).toEqual([]);
  });

  test("keeps the list with restartPolicy: 'keep', so that a later purge finds the keys", async () => {
    const store = open();
    await fill(store, namesOf(NAMESPACES));
    await store.disconnect();
    await restartFromSnapshot();
    const keeping = open({ restartPolicy: 'keep' });
    await keeping.connect();
    await keeping.disconnect();
    expect(await registered()).toHaveLength(NAMESPACES + 1);
    await restartFromSnapshot();
    await open().connect();
    expect((await client.keys('*')).filter((key) => !key.startsWith('%dredis:'))).toEqual([]);
    expect(await registered()).toEqual(['keyv:']);
  });

  test('gets no command with more than 1,000 namespaces', async () => {
    const store = open();
    await fill(store, namesOf(NAMESPACES));
    const commands = recordCommands(store.locate('key').client);
    await restartFromSnapshot();
    await untilServed(store);
    expect(commands.map(([name]) => name)).not.toContain('SMEMBERS');
    expect(Math.max(...commands.map(({ length }) => length))).toBeLessThanOrEqual(1002);
    expect(commands.filter(([name]) => name === 'SCAN').length).toBeLessThan(6);
  });
});

test("a Keyv that changes its namespace leaves no more than the last two in the process's list", async () => {
  const store = open();
  for (const name of namesOf(100)) store.namespace = name;
  await store.connect();
  expect(await registered()).toEqual(['tenant-98:', 'tenant-99:']);
});

// Regression: the namespace was registered neither by the recovery, which had read the list of namespaces before,
// nor by withNamespace(), which skipped a node that was not recovered.
test('a namespace that is added during a recovery is registered on that node', async () => {
  const store = open(
    {},
    servers.map(({ location }) => location),
  );
  const { client: own } = store.locate(keysOf(store, server.location, 1)[0] as string);
  let late: NamespacedStore | undefined;
  interceptCommands(own, async (args, send) => {
    const reply = await send(args);
    if (args[0] === 'SADD' && args[1]?.startsWith('%dredis:prefixes:')) late ??= store.withNamespace('late');
    return reply;
  });
  await store.connect();
  expect(late?.namespace).toBe('late');
  await late?.get('key');
  expect(await registered()).toEqual(['keyv:', 'late:']);
});

test('an ACL user removes its own namespaces after a restart, with one SCAN, and no others', async () => {
  const writer = open();
  await fill(writer, namesOf(NAMESPACES));
  await writer.disconnect();
  await restartFromSnapshot();
  const own = namesOf(NAMESPACES).slice(0, 10);
  const patterns = own.map((name) => `~${name}:*`);
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'on', '>password', ...patterns, '~%dredis:*', '+@all']);
  const store = open({ username: 'app', password: 'password', namespace: own[0] });
  await store.connect();
  const left = (await client.keys('tenant-*')).sort();
  expect(left).toEqual(
    namesOf(NAMESPACES)
      .slice(10)
      .map((name) => `${name}:key`)
      .sort(),
  );
  expect(await callsOf('scan')).toBeLessThan(6);
});
