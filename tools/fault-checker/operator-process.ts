import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChangeOrder, ChangeReport, OperatorSetup } from './operator.js';

const PROGRAM = fileURLToPath(new URL('./operator.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

/** The parent's side of an operator process. */
export class OperatorProcess implements AsyncDisposable {
  readonly setup: OperatorSetup;
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #closed: Promise<unknown>;
  #stderr = '';

  /** Starts the process. See {@link OperatorProcess.ready}. */
  constructor(setup: OperatorSetup) {
    this.setup = setup;
    this.#child = fork(PROGRAM, [JSON.stringify(setup)], {
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text;
    });
    this.#closed = once(this.#child, 'close');
    this.#ready = Promise.race([once(this.#child, 'message'), this.#closed]);
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Orders a change. @returns how it ended; `killed` if the process has ended before */
  async change(order: ChangeOrder): Promise<ChangeReport> {
    const reported = once(this.#child, 'message').then(([report]) => report as ChangeReport);
    this.#child.send(order, () => undefined);
    const died = this.#closed.then((): ChangeReport => {
      const { signalCode } = this.#child;
      return signalCode === 'SIGKILL'
        ? { outcome: 'killed' }
        : { outcome: 'crashed', error: `exit ${signalCode ?? this.#child.exitCode}: ${this.#stderr}` };
    });
    return Promise.race([reported, died]);
  }

  /** Resolves once a change can be ordered, or the process has ended. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
