import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TSX = import.meta.resolve('tsx');
const SOURCE = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));

/**
 * Runs a program in a separate process, with `DRedisStore`, `createClient` and `locations` in scope. The
 * process has to exit by itself: if something keeps it alive, the test times out.
 */
export function runProgram(
  locations: readonly string[],
  program: string,
): Promise<{ code: number | null; output: string }> {
  const script = `
    import { createClient } from 'redis';
    import { DRedisStore } from ${JSON.stringify(SOURCE)};
    const locations = ${JSON.stringify(locations)};
    process.on('exit', () => console.log('exits'));
    ${program}`;
  const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}
