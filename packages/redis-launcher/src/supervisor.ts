import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Env } from './command-line.js';
import type { Order, Reply } from './protocol.js';

const PROGRAM = fileURLToPath(new URL('./supervisor-process.mjs', import.meta.url));

interface PendingOrder {
  resolve(pid: number): void;
  reject(error: Error): void;
}

/**
 * The parent's side of a supervisor process. The supervisor keeps the parent alive only while an order is
 * pending. So a program that forgets to stop its servers still ends, and then its servers end too.
 */
export class Supervisor {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PendingOrder>();
  #lastId = 0;

  /** The folder with all files of the servers. The supervisor deletes it. */
  readonly folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.folder = folder;
    child.on('message', (reply: Reply) => this.#settle(reply));
    child.once('exit', () => {
      for (const { reject } of this.#pending.values())
        reject(new Error('the supervisor of the servers ended'));
      this.#pending.clear();
    });
    this.#release();
  }

  static async start(env: Env): Promise<Supervisor> {
    const { NODE_OPTIONS: _, ...ownEnv } = env;
    const child = fork(PROGRAM, {
      // Runs in its own session, so it does not get the SIGINT from Ctrl-C and can clean up.
      detached: true,
      // Does not inherit this process's loaders, debuggers and coverage.
      execArgv: [],
      env: ownEnv,
      // The supervisor shares stderr, so a program that reads stderr to the end also waits for the clean-up.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const hello = await Promise.race([
      once(child, 'message').then(([reply]) => reply as Reply),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the supervisor of the servers ended with code ${code} before it was ready`);
      }),
    ]);
    if (hello.type !== 'hello') throw new Error(`expected hello from the supervisor, got ${hello.type}`);
    return new Supervisor(child, hello.folder);
  }

  /** @returns the server's process id; 0 if the server has ended */
  ask(order: Order): Promise<number> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.channel?.ref();
      this.#child.send({ ...order, id }, (error) => {
        if (error) this.#settle({ type: 'failed', id, message: `the supervisor is gone: ${error.message}` });
      });
    });
  }

  /** Resolves once the servers and the supervisor have ended and the folder is deleted. Idempotent. */
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
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#release();
    if (reply.type === 'done') pending?.resolve(reply.pid);
    else pending?.reject(new Error(reply.message));
  }

  #release(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }
}
