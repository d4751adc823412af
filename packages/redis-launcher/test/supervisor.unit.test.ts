import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const SUPERVISOR = fileURLToPath(new URL('../src/supervisor-process.mjs', import.meta.url));

test('a supervisor leaves no folder behind if its parent exits before the supervisor is ready', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'launcher-test-'));
  try {
    // Forks the supervisor as the class Supervisor does, and exits at different points while the supervisor
    // starts.
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
      // The supervisor shares the child's stderr, so stderr closes when both processes have exited.
      await once(child.stderr.resume(), 'close');
      expect(readdirSync(folder)).toEqual([]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
