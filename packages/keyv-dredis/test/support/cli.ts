import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCli } from '../../bundle-cli.js';
import { onCleanUp, onFileCleanUp } from './clean-up.js';

const RING = fileURLToPath(new URL('../../../hash-ring/src/', import.meta.url));

/** The bundle imports `redis`, so it has to be inside the package. */
const CACHE = fileURLToPath(new URL('../../node_modules/', import.meta.url));

/** What a command line printed, and its exit status. */
export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that is running. */
export interface RunningCli {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Resolves when the output, stdout and stderr together, contains a text. */
  printed(text: string): Promise<void>;
}

let bundling: Promise<string> | undefined;

/** Bundles the command line as the build does, once per test file. @returns path of the program */
export function cliProgram(): Promise<string> {
  bundling ??= (async () => {
    const folder = await mkdtemp(join(CACHE, '.cli-'));
    onFileCleanUp(() => rm(folder, { recursive: true }));
    const program = join(folder, 'keyv-dredis.cjs');
    await bundleCli(program, { index: `${RING}index.ts`, svg: `${RING}svg.ts` });
    return program;
  })();
  return bundling;
}

type Environment = Readonly<Record<string, string>>;

/**
 * Starts the command line as a process, without a terminal. The clean-up kills it.
 *
 * @param env variables beside those that find programs; the caller's variables do not count
 */
export async function startCli(args: readonly string[], env: Environment = {}): Promise<RunningCli> {
  return start(process.execPath, [await cliProgram(), ...args], env);
}

/** Runs the command line as a process, without a terminal. */
export async function runCli(args: readonly string[], env: Environment = {}): Promise<CliResult> {
  return (await startCli(args, env)).result;
}

/** Starts the command line in a terminal of its own. The terminal sends everything to stdout. */
export async function startCliInTerminal(
  args: readonly string[],
  env: Environment = {},
): Promise<RunningCli> {
  const command = [process.execPath, await cliProgram(), ...args];
  // `script` comes with every Linux and macOS, and runs a program in a new terminal.
  const script =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', ...command]
      : ['-qec', command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '), '/dev/null'];
  return start('script', script, { TERM: 'xterm', ...env });
}

function start(command: string, args: readonly string[], env: Environment): RunningCli {
  const { PATH = '' } = process.env;
  const child = spawn(command, args, {
    env: { PATH, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  onCleanUp(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const collect = (add: (text: string) => void) => (text: Buffer) => {
    add(text.toString());
    for (const check of waiting) check();
  };
  child.stdout.on(
    'data',
    collect((text) => (stdout += text)),
  );
  child.stderr.on(
    'data',
    collect((text) => (stderr += text)),
  );
  const result = new Promise<CliResult>((resolve) =>
    child.once('close', (status) => resolve({ status, stdout, stderr })),
  );
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if ((stdout + stderr).includes(text)) resolve();
      };
      waiting.add(check);
      check();
      result.then(() => reject(new Error(`The process has ended without "${text}": ${stdout}${stderr}`)));
    });
  return { process: child, result, printed };
}

/** The records of `--json`: every line of stdout is one. */
export function recordsOf({ stdout }: CliResult): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
