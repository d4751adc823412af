import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { ask, firstSlot, isLinked, type RedisServer, SLOT_COUNT, startCluster } from '../src/index.js';
import { Programs } from './fixtures/programs.js';
import { NO_TRACES, tracesOf } from './fixtures/traces.js';

test('starts masters that form one whole cluster, and leaves nothing', async () => {
  const group = await startCluster({ masterCount: 3 });
  const [first = '', ...others] = group.locations;
  for (const location of group.locations) {
    const info = await ask(location, ['CLUSTER', 'INFO']);
    expect(info).toContain('cluster_state:ok');
    expect(info).toContain('cluster_slots_ok:16384');
    expect(info).toContain('cluster_size:3');
  }
  // `foo` is in slot 12182, which is the last master's.
  await expect(ask(first, ['GET', 'foo'])).rejects.toThrow(`MOVED 12182 ${others[1]}`);
  await expect(ask(others[1] as string, ['SET', 'foo', 'bar'])).resolves.toBe('OK');
  await expect(ask(others[1] as string, ['GET', 'foo'])).resolves.toBe('bar');

  await group.stop();
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
});

test('a replica takes over where its master is killed, which comes back as a replica of it', async () => {
  await using group = await startCluster({ masterCount: 3, replicaCount: 1, nodeTimeoutMs: 500 });
  const { servers } = group;
  const [first, master, replica] = [servers[0], servers[2], servers[5]] as [
    RedisServer,
    RedisServer,
    RedisServer,
  ];
  const until = async (location: string, command: string[], text: string) => {
    while (!(await ask(location, command).catch(() => '')).includes(text)) await sleep(20);
  };
  // `foo` is in slot 12182, which is the last master's.
  await ask(master.location, ['SET', 'foo', 'bar']);
  await until(replica.location, ['DBSIZE'], '1');
  await master.kill();
  await until(replica.location, ['INFO', 'replication'], 'role:master');
  await until(replica.location, ['CLUSTER', 'INFO'], 'cluster_state:ok');
  await expect(ask(replica.location, ['GET', 'foo'])).resolves.toBe('bar');
  await until(first.location, ['CLUSTER', 'INFO'], 'cluster_state:ok');
  await expect(ask(first.location, ['GET', 'foo'])).rejects.toThrow(`MOVED 12182 ${replica.location}`);
  await master.start();
  await until(master.location, ['INFO', 'replication'], 'master_link_status:up');
  expect(isLinked(await ask(master.location, ['INFO', 'replication']))).toBe(true);
});

test('the slots of the masters meet, and are all there are', () => {
  expect([0, 1, 2, 3, 4].map((master) => firstSlot(master, 4))).toEqual([0, 4096, 8192, 12_288, SLOT_COUNT]);
  expect([0, 1, 2, 3].map((master) => firstSlot(master, 3))).toEqual([0, 5461, 10_922, SLOT_COUNT]);
});

test('says that it needs a program where there is only Docker', async () => {
  using programs = new Programs();
  programs.add('docker', 'exit 0');
  await expect(startCluster({ env: programs.env })).rejects.toThrow('not Docker');
});
