import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { ask, type RedisServer, startRedis, startSentinel, startSentinelGroup } from '../src/index.js';
import { NO_TRACES, tracesOf } from './fixtures/traces.js';

test('a sentinel monitors its primary until it is stopped', async () => {
  await using redis = await startRedis({ count: 1 });
  const [primary] = redis.locations as [string];
  const sentinel = await startSentinel({ name: 'group', primary });
  try {
    const info = await ask(sentinel.location, ['INFO', 'sentinel']);
    expect(info).toContain(`name=group,status=ok,address=${primary}`);
  } finally {
    await sentinel.stop();
  }
  await expect(ask(sentinel.location, ['PING'])).rejects.toThrow();
});

test('the sentinels of a group promote a replica if the primary is killed, and stop() stops all of it', async () => {
  const group = await startSentinelGroup({ name: 'group' });
  try {
    const [primary, ...replicas] = group.servers as [RedisServer, ...RedisServer[]];
    expect(replicas).toHaveLength(2);
    expect(group.sentinels).toHaveLength(3);
    await ask(primary.location, ['SET', 'foo', 'bar']);
    const hasKey = ({ location }: RedisServer) => ask(location, ['DBSIZE']).then((size) => size === '1');
    while (!(await Promise.all(replicas.map(hasKey))).every(Boolean)) await sleep(20);
    await primary.kill();
    let promoted: RedisServer | undefined;
    while (promoted === undefined) {
      await sleep(20);
      for (const replica of replicas) {
        // The sentinels close all connections to a server that they reconfigure.
        const info = await ask(replica.location, ['INFO', 'replication']).catch(() => '');
        if (info.includes('role:master')) promoted = replica;
      }
    }
    await expect(ask(promoted.location, ['GET', 'foo'])).resolves.toBe('bar');
  } finally {
    await group.stop();
  }
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  for (const { location } of group.sentinels) await expect(ask(location, ['PING'])).rejects.toThrow();
});
