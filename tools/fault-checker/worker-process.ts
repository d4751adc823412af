import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { now } from '../shared/clock.js';
import { type Entry, type ExitEntry, entriesOf } from './history.js';
import type { WorkerReady, WorkerSetup } from './worker.js';

const PROGRAM = fileURLToPath(new URL('./worker.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../../packages/keyv-dredis/tsconfig.json', import.meta.url));
const STDERR_TAIL_CHARS = 4_000;
/** What does not end by then never ends, even on a machine that is busy with other things. */
const ENDS_WITHIN_MS = 90_000;

/** This end of a worker. */
export class WorkerProcess implements AsyncDisposable {
  readonly #setup: WorkerSetup;
  readonly #child: ChildProcess;
  readonly #exit: Promise<ExitEntry>;

  private constructor(setup: WorkerSetup) {
    this.#setup = setup;
    this.#child = fork(PROGRAM, [JSON.stringify(setup)], {
      execArgv: ['--import', import.meta.resolve('tsx'), '--unhandled-rejections=strict'],
      env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr = (stderr + text).slice(-STDERR_TAIL_CHARS);
    });
    this.#exit = once(this.#child, 'close').then(([code, signal]) => ({
      type: 'exit',
      process: setup.name,
      code,
      signal,
      stderr,
      at: now(),
    }));
  }

  /** Resolves when all its clients are connected and work. @throws Error with its own words when it ends first */
  static async start(setup: WorkerSetup): Promise<WorkerProcess> {
    const startedAt = now();
    const worker = new WorkerProcess(setup);
    try {
      await worker.#ready(startedAt);
      return worker;
    } catch (error) {
      await worker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets its clients finish, and see their nodes again. Resolves when the process has ended, or was killed for not ending. */
  async finish(): Promise<ExitEntry> {
    if (this.#child.connected) this.#child.send('finish', () => undefined);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ENDS_WITHIN_MS);
    try {
      return await this.#exit;
    } finally {
      clearTimeout(timer);
    }
  }

  async #ready(startedAt: number): Promise<void> {
    const { at } = await Promise.race([
      once(this.#child, 'message').then(([message]) => message as WorkerReady),
      this.#exit.then(({ stderr }): never => {
        throw new Error(`${this.#setup.name} ended before it was ready:\n${stderr}`);
      }),
    ]);
    if (at < startedAt || at > now()) {
      throw new Error('processes of this machine share no clock: their histories cannot be put together');
    }
  }

  /** What it has written down. */
  entries(): Entry[] {
    return entriesOf(readFileSync(this.#setup.file, 'utf8'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
