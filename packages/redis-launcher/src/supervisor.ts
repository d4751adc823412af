import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Env } from './command-line.js';
import type { Order, Reply } from './protocol.js';

const PROGRAM = fileURLToPath(new URL('./supervisor-process.mjs', import.meta.url));

interface Waiting {
  resolve(pid: number): void;
  reject(error: Error): void;
}

/**
 * This process's end of a supervisor. While nothing is asked of it, it does not keep this process
 * alive: a program that forgets to stop its servers still ends, and they with it.
 */
export class Supervisor {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** Holds everything that the servers write; deleted by the supervisor. */
  readonly folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.folder = folder;
    child.on('message', (reply: Reply) => this.#settle(reply));
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values())
        reject(new Error('the supervisor of the servers ended'));
      this.#waiting.clear();
    });
    this.#release();
  }

  static async start(env: Env): Promise<Supervisor> {
    const { NODE_OPTIONS: _, ...ownEnv } = env;
    const child = fork(PROGRAM, {
      // A session of its own: Ctrl-C on the terminal reaches us and not it, so it is there to clean up.
      detached: true,
      // Nothing of this process's loaders, debuggers and coverage.
      execArgv: [],
      env: ownEnv,
      // With stderr inherited, whoever reads our output to its end has waited for the clean-up, too.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const hello = await Promise.race([
      once(child, 'message').then(([reply]) => reply as Reply),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the supervisor of the servers ended with code ${code} before it was up`);
      }),
    ]);
    if (hello.type !== 'hello') throw new Error(`expected hello from the supervisor, got ${hello.type}`);
    return new Supervisor(child, hello.folder);
  }

  /** @returns the id of the process that the order is about, 0 when it is gone */
  ask(order: Order): Promise<number> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.channel?.ref();
      this.#child.send({ ...order, id }, (error) => {
        if (error) this.#settle({ type: 'failed', id, message: `the supervisor is gone: ${error.message}` });
      });
    });
  }

  /** Resolves when servers, folder and supervisor are gone. May be called again. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    await exited;
  }

  #settle(reply: Reply): void {
    if (reply.type === 'hello') return;
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#release();
    if (reply.type === 'done') waiting?.resolve(reply.pid);
    else waiting?.reject(new Error(reply.message));
  }

  #release(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }
}
