import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Contestant, OpenOptions } from './contestant.js';
import type { Request, Response } from './protocol.js';
import type { MetricValues } from './scenario.js';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** The bench's handle for a contestant's process. The process is idle between requests. */
export class ContestantProcess {
  readonly contestant: Contestant;
  readonly #child: ChildProcess;

  private constructor(contestant: Contestant, child: ChildProcess) {
    this.contestant = contestant;
    this.#child = child;
  }

  /** @param execPath the Node.js executable that runs the process */
  static async start(
    contestant: Contestant,
    options: OpenOptions,
    execPath: string,
  ): Promise<ContestantProcess> {
    const child = fork(WORKER, {
      execPath,
      execArgv: ['--expose-gc', '--import', import.meta.resolve('tsx')],
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const started = new ContestantProcess(contestant, child);
    await started.request({ type: 'open', contestant: contestant.id, options });
    return started;
  }

  /**
   * Sends one request and waits for its response. @throws Error with the contestant's label and error message
   */
  async request(request: Request): Promise<MetricValues> {
    this.#child.send(request);
    const listening = new AbortController();
    const { signal } = listening;
    try {
      const response = await Promise.race([
        once(this.#child, 'message', { signal }).then(([message]) => message as Response),
        once(this.#child, 'exit', { signal }).then(([code, signalName]): never => {
          throw new Error(`its process exited (${code ?? signalName})`);
        }),
      ]);
      if (response.type === 'done') return response.values;
      throw new Error(response.error);
    } catch (cause) {
      throw new Error(`${this.contestant.label}: ${(cause as Error).message}`, { cause });
    } finally {
      listening.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }
}
