import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { errorsOf, nextEvent, timeOut } from '../support/stores.js';
import { stubServer } from '../support/stub-server.js';

let redis: RedisServers;

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});

afterAll(() => redis?.stop());

test('what a network delivers of a connection that was given up does not happen any more', async () => {
  const { host, port } = redis.servers[0] as RedisServer;
  const toServer: Socket[] = [];
  const held: Buffer[] = [];
  let holds = false;
  // Lets go of nothing that it has taken, not even when the client has gone.
  await using network = await stubServer((client) => {
    const server = connect(port, host);
    toServer.push(server);
    const isFirst = toServer.length === 1;
    server.on('error', () => undefined);
    server.on('data', (reply) => client.write(reply));
    client.on('data', (request) => (isFirst && holds ? held.push(request) : server.write(request)));
  });
  await using store = new DRedisStore([network.location], { commandTimeoutMs: 300, connectTimeoutMs: 300 });
  const errors = errorsOf(store);
  await store.set('key', 'old');
  const up = nextEvent(store, 'node:up');
  holds = true;
  const late = expect(store.set('key', 'late')).rejects.toMatchObject({ code: 'DREDIS_COMMAND_TIMEOUT' });
  await timeOut(store, 'other');
  await late;
  await up;
  expect(await store.get('key')).toBeUndefined();
  expect(await store.set('key', 'next')).toBe(true);

  expect(Buffer.concat(held).toString()).toContain('late');
  const [first] = toServer as [Socket];
  first.write(Buffer.concat(held));
  // Whatever it still does, it has done once it has closed, or has answered somebody who came after.
  if (!first.closed) await new Promise((resolve) => first.once('close', resolve).once('data', resolve));
  expect(await store.get('key')).toBe('next');
  expect(errors).toEqual([]);
  for (const socket of toServer) socket.destroy();
});
