import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { type RedisServers, startRedis } from '../src/index.js';
import { NO_TRACES, tracesOf } from './fixtures/traces.js';

const PROGRAM = fileURLToPath(new URL('./fixtures/hold-servers.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Starts a program that starts two servers. Resolves when the servers are running. */
async function holdServers(ending: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ending], {
    cwd: PACKAGE,
    // In its own process group, like a shell job.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [line] = await once(child.stdout, 'data');
  const held: { pid: number; folder: string; location: string }[] = JSON.parse(String(line));
  expect(held).toHaveLength(2);
  // The supervisor shares the program's stderr, so 'close' is emitted when both processes have exited.
  return { pid: child.pid as number, held, closed };
}

const ps = (column: string, pid: number | undefined) =>
  execFileSync('ps', ['-o', `${column}=`, '-p', `${pid}`], { encoding: 'utf8' }).trim();

const supervisorOf = ({ servers }: RedisServers) => Number(ps('ppid', servers[0]?.pid));

test.each(['end', 'stop', 'exit', 'throw'])(
  'no server survives a program that ends by "%s"',
  async (ending) => {
    const { held, closed } = await holdServers(ending);
    const [code] = await closed;
    expect(code).toBe(ending === 'throw' ? 1 : 0);
    for (const server of held) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  },
);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
  "no server survives %s to its program's process group",
  async (signal) => {
    const { pid, held, closed } = await holdServers('wait');
    for (const server of held) expect(await tracesOf(server)).toMatchObject({ process: true, folder: true });
    process.kill(-pid, signal);
    await closed;
    for (const server of held) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  },
);

test("a supervisor does not inherit its parent's NODE_OPTIONS and loaders", async () => {
  const env = { ...process.env, NODE_OPTIONS: '--no-such-option' };
  await using group = await startRedis({ count: 1, env });
  const command = ps('args', supervisorOf(group));
  expect(command).toMatch(/^\S+ \S+supervisor-process\.mjs$/);
});

test('a supervisor that receives SIGTERM stops its servers', async () => {
  const group = await startRedis({ count: 2 });
  process.kill(supervisorOf(group), 'SIGTERM');
  await group.stop();
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
});
