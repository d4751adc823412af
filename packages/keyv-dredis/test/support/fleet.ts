import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCleanUp, onTestCleanUp } from './clean-up.js';
import type { Calls, FleetEvent } from './fleet-member.js';

const PROGRAM = fileURLToPath(new URL('./fleet-member.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));

type Reply = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** A process with a store. */
export class FleetMember {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #hasEnded = false;

  private constructor() {
    this.#child = fork(PROGRAM, {
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: 'ready' | Reply) => {
      if (message === 'ready') return;
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    this.#child.once('exit', () => {
      this.#hasEnded = true;
      for (const { reject } of this.#waiting.values()) reject(new Error('the process has ended'));
      this.#waiting.clear();
    });
  }

  /** Starts a process. The clean-up ends it. */
  static async start(): Promise<FleetMember> {
    const member = new FleetMember();
    onCleanUp(() => member.kill());
    await once(member.#child, 'message');
    return member;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Carries out a call in the process. @throws Error with the message of the error in the process */
  call<Name extends keyof Calls>(
    name: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new Error('the process has ended'));
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, name, args });
    });
  }

  /** Stops the process with SIGSTOP. The clean-up lets it go on. */
  pause(): void {
    onTestCleanUp(() => this.resume());
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends the process with SIGKILL. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Processes that several tests use, because it takes long to start one. */
export class Fleet {
  #members: readonly FleetMember[] = [];

  /** @returns so many living processes, which have no store yet */
  async take(count: number): Promise<readonly FleetMember[]> {
    const living = this.#members.filter(({ hasEnded }) => !hasEnded);
    const missing = Math.max(0, count - living.length);
    const started = await Promise.all(Array.from({ length: missing }, () => FleetMember.start()));
    this.#members = [...living, ...started];
    return this.#members.slice(0, count);
  }
}

/**
 * Finds reads that are older than a write that was acknowledged, or than a version that was seen, before the read began.
 * A delete() has a version of its own. A key that is missing is not old: nodes may lose entries.
 */
export function staleReads(events: readonly FleetEvent[]): readonly string[] {
  const byKey = new Map<string, FleetEvent[]>();
  for (const event of events) {
    const list = byKey.get(event.key);
    if (list === undefined) byKey.set(event.key, [event]);
    else list.push(event);
  }
  return [...byKey.values()].flatMap(staleReadsOfKey);
}

function staleReadsOfKey(events: readonly FleetEvent[]): readonly string[] {
  const ended = events
    .filter(({ endedAt, version }) => endedAt !== undefined && version !== undefined)
    .sort((one, other) => (one.endedAt as number) - (other.endedAt as number));
  const reads = events
    .filter(({ type, endedAt, version }) => type === 'read' && endedAt !== undefined && version !== undefined)
    .sort((one, other) => one.startedAt - other.startedAt);
  const stale: string[] = [];
  let next = 0;
  let newest: FleetEvent | undefined;
  for (const read of reads) {
    for (let event = ended[next]; event !== undefined; event = ended[next]) {
      if ((event.endedAt as number) >= read.startedAt) break;
      if (newest === undefined || (event.version as number) > (newest.version as number)) newest = event;
      next += 1;
    }
    if (newest === undefined || (read.version as number) >= (newest.version as number)) continue;
    const agoMs = Math.round(read.startedAt - (newest.endedAt as number));
    stale.push(
      `${read.key}: version ${read.version}, ${agoMs} ms after version ${newest.version} (${newest.type})`,
    );
  }
  return stale;
}
