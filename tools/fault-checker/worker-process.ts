import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { now } from '../shared/clock.js';
import { type Entry, type ExitEntry, parseEntries } from './history.js';
import type { WorkerMessage, WorkerOrder, WorkerSetup } from './worker.js';

const PROGRAM = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** Runs before the store is loaded. */
const CLOCK_RATE = import.meta.resolve('./clock-rate.ts');
const TSCONFIG = fileURLToPath(new URL('../tsconfig.json', import.meta.url));
const STDERR_TAIL_CHARS = 4_000;
/** If a worker does not carry out an order in this time, it has hung, even on a loaded machine. */
const FINISH_TIMEOUT_MS = 90_000;

/** The parent's side of a worker process. */
export class WorkerProcess implements AsyncDisposable {
  readonly #setup: WorkerSetup;
  readonly #child: ChildProcess;
  readonly #exit: Promise<ExitEntry>;

  private constructor(setup: WorkerSetup) {
    this.#setup = setup;
    this.#child = fork(PROGRAM, [JSON.stringify(setup)], {
      execArgv: [
        ...['--import', import.meta.resolve('tsx'), '--import', CLOCK_RATE],
        '--unhandled-rejections=strict',
      ],
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

  /**
   * Starts a process. Resolves when its clients are connected. @throws Error with the process's stderr if it
   * exits early
   */
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

  get name(): string {
    return this.#setup.name;
  }

  /** Ends the calls. Resolves when the clients see their nodes as up again, or when the process has exited. */
  async stop(): Promise<void> {
    const stopped = once(this.#child, 'message');
    this.#order('stop');
    await this.#inTime(Promise.race([stopped, this.#exit]));
  }

  /** Reads all keys once more. Resolves when the process has exited or was killed. */
  finish(): Promise<ExitEntry> {
    this.#order('finish');
    return this.#inTime(this.#exit);
  }

  /** Sends a signal. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  #order(order: WorkerOrder): void {
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  async #inTime<T>(done: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), FINISH_TIMEOUT_MS);
    try {
      return await done;
    } finally {
      clearTimeout(timer);
    }
  }

  async #ready(startedAt: number): Promise<void> {
    const { at } = await Promise.race([
      once(this.#child, 'message').then(([message]) => message as WorkerMessage),
      this.#exit.then(({ stderr }): never => {
        throw new Error(`process ${this.#setup.name} exited before it was ready:\n${stderr}`);
      }),
    ]);
    if (at < startedAt || at > now()) {
      throw new Error(
        'the processes on this machine do not share a clock, so their histories cannot be merged',
      );
    }
  }

  /** The entries that the process recorded. */
  entries(): Entry[] {
    return parseEntries(readFileSync(this.#setup.file, 'utf8'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
