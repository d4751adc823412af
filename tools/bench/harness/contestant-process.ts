import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Contestant, OpenOptions } from './contestant.js';
import type { Answer, Order } from './protocol.js';
import type { Numbers } from './scenario.js';

const PROGRAM = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** This end of a contestant's process. While nothing is asked of it, it waits and uses no CPU. */
export class ContestantProcess {
  readonly contestant: Contestant;
  readonly #child: ChildProcess;

  private constructor(contestant: Contestant, child: ChildProcess) {
    this.contestant = contestant;
    this.#child = child;
  }

  /** @param execPath the Node.js to run it with */
  static async start(
    contestant: Contestant,
    options: OpenOptions,
    execPath: string,
  ): Promise<ContestantProcess> {
    const child = fork(PROGRAM, {
      execPath,
      execArgv: ['--expose-gc', '--import', import.meta.resolve('tsx')],
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const started = new ContestantProcess(contestant, child);
    await started.ask({ type: 'open', contestant: contestant.id, options });
    return started;
  }

  /** @throws Error with the contestant's own words */
  async ask(order: Order): Promise<Numbers> {
    this.#child.send(order);
    const stop = new AbortController();
    const { signal } = stop;
    try {
      const answer = await Promise.race([
        once(this.#child, 'message', { signal }).then(([message]) => message as Answer),
        once(this.#child, 'exit', { signal }).then(([code, killed]): never => {
          throw new Error(`its process ended (${code ?? killed})`);
        }),
      ]);
      if (answer.type === 'done') return answer.numbers;
      throw new Error(answer.error);
    } catch (cause) {
      throw new Error(`${this.contestant.label}: ${(cause as Error).message}`, { cause });
    } finally {
      stop.abort();
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }
}
