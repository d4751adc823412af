import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ping, type RedisServer, startRedis } from '../src/index.js';
import { Programs } from './fixtures/programs.js';
import { isAlive, NO_TRACES, tracesOf } from './fixtures/traces.js';

/** Long enough for a running server to reply. A test with a paused server waits the whole time. */
const PAUSED_PING_MS = 200;

async function startOne(args: readonly string[] = []) {
  const group = await startRedis({ count: 1, args });
  return { server: group.servers[0] as RedisServer, [Symbol.asyncDispose]: group.stop };
}

test('startRedis() starts four servers that reply, with different ports, processes and folders', async () => {
  await using group = await startRedis();
  expect(group.servers).toHaveLength(4);
  expect(group.locations).toEqual(group.servers.map(({ host, port }) => `${host}:${port}`));
  for (const property of ['location', 'pid', 'folder'] as const) {
    expect(new Set(group.servers.map((server) => server[property])).size).toBe(4);
  }
  await expect(Promise.all(group.locations.map((location) => ping(location)))).resolves.toEqual(
    Array(4).fill('+PONG'),
  );
});

test('start() restarts a killed server on the same port, and does not affect other servers', async () => {
  await using group = await startRedis({ count: 2 });
  const [server, other] = group.servers as [RedisServer, RedisServer];
  const firstPid = server.pid;

  await server.kill();
  expect(isAlive(firstPid)).toBe(false);
  await expect(ping(server.location)).rejects.toThrow('ECONNREFUSED');
  await expect(ping(other.location)).resolves.toBe('+PONG');

  await server.start();
  await expect(ping(server.location)).resolves.toBe('+PONG');
  expect(server.pid).not.toBe(firstPid);
  expect(isAlive(server.pid)).toBe(true);
});

test('start() does nothing if the server is running', async () => {
  await using one = await startOne();
  const { pid } = one.server;
  await one.server.start();
  expect(one.server.pid).toBe(pid);
});

test('a paused server accepts connections but does not reply until it is resumed', async () => {
  await using one = await startOne();
  await one.server.pause();
  await expect(ping(one.server.location, PAUSED_PING_MS)).rejects.toThrow('no reply within 200 ms');
  await one.server.resume();
  await expect(ping(one.server.location)).resolves.toBe('+PONG');
});

test('kill() ends a paused server', async () => {
  await using one = await startOne();
  await one.server.pause();
  await one.server.kill();
  expect(isAlive(one.server.pid)).toBe(false);
});

test('stop() on one server leaves no process or folder behind', async () => {
  await using one = await startOne();
  await one.server.stop();
  await expect(tracesOf(one.server)).resolves.toEqual(NO_TRACES);
});

test('stop() on all servers leaves no process or folder behind, and can be called twice', async () => {
  const group = await startRedis({ count: 2 });
  const [killed, restarted] = group.servers as [RedisServer, RedisServer];
  await killed.kill();
  await restarted.kill();
  await restarted.start();

  await group.stop();
  await group.stop();
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  await expect(killed.start()).rejects.toThrow('the supervisor is gone');
});

test('args are passed to the server, and a server that requires a password counts as started', async () => {
  await using one = await startOne(['--requirepass', 'secret']);
  await expect(ping(one.server.location)).rejects.toThrow('NOAUTH');
});

test('startRedis({ tls: true }) makes the server listen with TLS', async () => {
  // The server has no certificates, so it fails to start. This failure shows that it tried to use TLS.
  await expect(startRedis({ count: 1, tls: true })).rejects.toThrow(/tls-cert-file|configure TLS/);
});

test("startRedis() throws an error with the server's output if it does not start, and leaves no folder behind", async () => {
  using programs = new Programs();
  const env = { ...process.env, TMPDIR: programs.folder };
  await expect(startRedis({ count: 2, args: ['--no-such-option', '1'], env })).rejects.toThrow(
    /ended \(1\):.*no-such-option/s,
  );
  expect(readdirSync(programs.folder)).toEqual([]);
});
