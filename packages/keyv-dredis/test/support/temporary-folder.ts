import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is deleted by `remove()` or when this process exits, even if the process is killed. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** The janitor deletes the folder when its standard input ends. That happens when the test process exits. */
const JANITOR = `
  const { rmSync } = require('node:fs');
  process.stdin.resume().on('close', () => {
    rmSync(process.argv[1], { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });`;

export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  // Detached, because Ctrl-C would otherwise stop the janitor, too.
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
