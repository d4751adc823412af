import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is gone after `remove()`, or soon after this process has ended in whatever way. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** It waits for the end of its input, which this process holds open as long as it lives. */
const JANITOR = `
  const { rmSync } = require('node:fs');
  process.stdin.resume().on('close', () => {
    rmSync(process.argv[1], { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });`;

export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  // Detached, for Ctrl-C reaches all that share a terminal.
  const janitor = spawn(process.execPath, ['--eval', JANITOR, path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = once(janitor, 'close');
  return {
    path,
    async remove() {
      janitor.stdin.end();
      await gone;
    },
  };
}
