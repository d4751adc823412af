import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { type RedisServers, startRedis } from '../src/index.js';
import { NO_TRACES, tracesOf } from './fixtures/traces.js';

const PROGRAM = fileURLToPath(new URL('./fixtures/hold-servers.ts', import.meta.url));
const SUPERVISOR = fileURLToPath(new URL('../src/supervisor-process.mjs', import.meta.url));
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Starts the program that holds two servers, and resolves when it has them. */
async function holdServers(ending: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ending], {
    cwd: PACKAGE,
    // A process group of its own, as every job of a shell has it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [line] = await once(child.stdout, 'data');
  const held: { pid: number; folder: string; location: string }[] = JSON.parse(String(line));
  expect(held).toHaveLength(2);
  // The supervisor holds the program's stderr as well: `close` comes when both are gone.
  return { pid: child.pid as number, held, closed };
}

const ps = (column: string, pid: number | undefined) =>
  execFileSync('ps', ['-o', `${column}=`, '-p', `${pid}`], { encoding: 'utf8' }).trim();

const supervisorOf = ({ servers }: RedisServers) => Number(ps('ppid', servers[0]?.pid));

test.each(['end', 'stop', 'exit', 'throw'])(
  'nothing survives a program that ends by "%s"',
  async (ending) => {
    const { held, closed } = await holdServers(ending);
    const [code] = await closed;
    expect(code).toBe(ending === 'throw' ? 1 : 0);
    for (const server of held) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  },
);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
  'nothing survives %s to the whole job',
  async (signal) => {
    const { pid, held, closed } = await holdServers('wait');
    for (const server of held) expect(await tracesOf(server)).toMatchObject({ process: true, folder: true });
    process.kill(-pid, signal);
    await closed;
    for (const server of held) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
  },
);

test('a supervisor knows nothing of the loaders and debuggers of the process that it serves', async () => {
  const env = { ...process.env, NODE_OPTIONS: '--no-such-option' };
  await using group = await startRedis({ count: 1, env });
  const command = ps('args', supervisorOf(group));
  expect(command).toMatch(/^\S+ \S+supervisor-process\.mjs$/);
});

test('a supervisor that is told to end takes its servers along', async () => {
  const group = await startRedis({ count: 2 });
  process.kill(supervisorOf(group), 'SIGTERM');
  await group.stop();
  for (const server of group.servers) await expect(tracesOf(server)).resolves.toEqual(NO_TRACES);
});

test('a supervisor whose parent is gone before it is ready leaves no folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'launcher-test-'));
  try {
    // Forks it as Supervisor does, and ends at once or a little later: at any point of its start.
    const program = `
      const { fork } = require('node:child_process');
      const options = { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] };
      fork(${JSON.stringify(SUPERVISOR)}, [], options).unref();
      setTimeout(() => process.exit(), Number(process.argv[1]));`;
    for (const delayMs of [0, 10, 20, 30, 40, 50, 60, 80]) {
      const child = spawn(process.execPath, ['--eval', program, String(delayMs)], {
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      // The supervisor holds stderr as well: it is closed when both are gone.
      await once(child.stderr.resume(), 'close');
      expect(readdirSync(folder)).toEqual([]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
