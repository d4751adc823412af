import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { ask, isLinked, type RedisServer, startCluster } from '../src/index.js';
import { NO_TRACES, tracesOf } from './fixtures/traces.js';

test('startCluster() starts masters that cover all slots, and stop() leaves no process or folder behind', async () => {
  const group = await startCluster({ masterCount: 3 });
  const [first = '', ...others] = group.locations;
  for (const location of group.locations) {
    const info = await ask(location, ['CLUSTER', 'INFO']);
    expect(info).toContain('cluster_state:ok');
    expect(info).toContain('cluster_slots_ok:16384');
    expect(info).toContain('cluster_size:3');
  }
  // `foo` is in slot 12182, which belongs to the last master.
  await expect(ask(first, ['GET', 'foo'])).rejects.toThrow(`MOVED 12182 ${others[1]}`);
  await expect(ask(others[1] as string, ['SET', 'foo', 'bar'])).resolves.toBe('OK');
  await expect(ask(others[1] as string, ['GET', 'foo'])).resolves.toBe('bar');

  await group.stop();
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
});

test('a replica takes over if its master is killed, and the restarted master becomes its replica', async () => {
  // Shorter than the default, but a loaded machine may freeze for a second, and that must not cause a failover.
  await using group = await startCluster({ masterCount: 3, replicaCount: 1, nodeTimeoutMs: 2000 });
  const { servers } = group;
  const [first, master, replica] = [servers[0], servers[2], servers[5]] as [
    RedisServer,
    RedisServer,
    RedisServer,
  ];
  const until = async (location: string, command: string[], text: string) => {
    while (!(await ask(location, command).catch(() => '')).includes(text)) await sleep(20);
  };
  // `foo` is in slot 12182, which belongs to the last master.
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
