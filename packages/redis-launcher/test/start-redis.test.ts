import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ping, type RedisServer, startRedis } from '../src/index.js';
import { serverCommand } from '../src/server-command.js';
import { Programs } from './fixtures/programs.js';
import { isAlive, NO_TRACES, tracesOf } from './fixtures/traces.js';

/** Long enough for a server that runs, and short for one that does not. */
const PAUSED_PING_MS = 200;

async function startOne(args: readonly string[] = []) {
  const group = await startRedis({ count: 1, args });
  return { server: group.servers[0] as RedisServer, [Symbol.asyncDispose]: group.stop };
}

test('starts four servers that answer, each at a place of its own', async () => {
  await using group = await startRedis();
  expect(group.servers).toHaveLength(4);
  expect(group.locations).toEqual(group.servers.map(({ host, port }) => `${host}:${port}`));
  for (const what of ['location', 'pid', 'folder'] as const) {
    expect(new Set(group.servers.map((server) => server[what])).size).toBe(4);
  }
  await expect(Promise.all(group.locations.map((location) => ping(location)))).resolves.toEqual(
    Array(4).fill('+PONG'),
  );
});

test('starts a killed server again on its port, and leaves the others alone', async () => {
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

test('does nothing when a running server is started', async () => {
  await using one = await startOne();
  const { pid } = one.server;
  await one.server.start();
  expect(one.server.pid).toBe(pid);
});

test('a paused server accepts and answers nothing until it is resumed', async () => {
  await using one = await startOne();
  await one.server.pause();
  await expect(ping(one.server.location, PAUSED_PING_MS)).rejects.toThrow('no answer within 200 ms');
  await one.server.resume();
  await expect(ping(one.server.location)).resolves.toBe('+PONG');
});

test('kills a paused server', async () => {
  await using one = await startOne();
  await one.server.pause();
  await one.server.kill();
  expect(isAlive(one.server.pid)).toBe(false);
});

test('one server can be stopped for good', async () => {
  await using one = await startOne();
  await one.server.stop();
  await expect(tracesOf(one.server)).resolves.toEqual(NO_TRACES);
});

test('nothing is left when stop() has resolved, be it called once or twice', async () => {
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

test('further arguments reach the server, one that asks for a password counts as up', async () => {
  await using one = await startOne(['--requirepass', 'secret']);
  await expect(ping(one.server.location)).rejects.toThrow('NOAUTH');
});

test('listens with TLS alone when asked to', async () => {
  // Without certificates the server refuses, which is to see that it tried.
  await expect(startRedis({ count: 1, tls: true })).rejects.toThrow(/tls-cert-file|configure TLS/);
});

test("a server that does not start is told in the server's own words, and leaves nothing", async () => {
  using programs = new Programs();
  const env = { ...process.env, TMPDIR: programs.folder };
  await expect(startRedis({ count: 2, args: ['--no-such-option', '1'], env })).rejects.toThrow(
    /ended \(1\):.*no-such-option/s,
  );
  expect(readdirSync(programs.folder)).toEqual([]);
});

test('nobody but this machine can reach a server', () => {
  const setup = { port: 12_345, args: [], tls: false, container: 'name' };
  expect(serverCommand({ type: 'run', command: 'server' }, setup).join(' ')).toContain(' --bind 127.0.0.1 ');
  expect(serverCommand({ type: 'docker' }, setup).join(' ')).toContain(' --publish 127.0.0.1:12345:');
});

test.each(['bind: Address already in use', 'Bind for 127.0.0.1:12345 failed: port is already allocated'])(
  'draws another port when it is told "%s"',
  async (message) => {
    using programs = new Programs();
    programs.add(
      'redis-server',
      `echo "$*" >>"$LOG"
     { read first && read second; } <"$LOG" || { echo '${message}'; exit 1; }
     echo 'Ready to accept connections'
     exec /bin/sleep 60`,
    );
    await using group = await startRedis({ count: 1, env: programs.env });
    expect(group.servers).toHaveLength(1);
    const [first, second] = programs.log.map((line) => /--port (\d+)/.exec(line)?.[1]);
    expect(second).toBe(`${group.servers[0]?.port}`);
    expect(first).not.toBe(second);
  },
);

test('gives up when no port can be had', async () => {
  using programs = new Programs();
  programs.add('redis-server', `echo 'bind: Address already in use'; exit 1`);
  await expect(startRedis({ count: 1, env: programs.env })).rejects.toThrow('Address already in use');
});
