import { execFile } from 'node:child_process';

/** Environment variables: PATH and REDIS_LOCATIONS. */
export type Env = Readonly<Record<string, string | undefined>>;

const LOG_TAIL_LINES = 5;

/** Runs a command until it exits. @throws Error with the last lines of its output if it fails */
export function run([command, ...args]: readonly [string, ...string[]], env: Env): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env }, (error, stdout, stderr) => {
      if (error === null) return resolve();
      const lines = (stderr || stdout).trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
      reject(new Error(`${command} ${args[0]} failed (${error.code ?? error.signal}): ${lines}`));
    });
    // Closes the input, so that a command that prompts for input does not wait forever.
    child.stdin?.end();
  });
}
