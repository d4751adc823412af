import { randomBytes } from 'node:crypto';
import { workKey } from '../format/reserved-keys.js';
import { timers } from '../timers.js';
import { asCount } from './reply-shapes.js';
import type { Request } from './send-options.js';

/** Sends maintenance commands to the node that holds the lock. */
type Send = <T>(request: Request<T>) => Promise<T>;

/** How long the work of a process that has died keeps others from it, in milliseconds. */
const LOCK_MS = 1_500;

/** KEYS: lock. ARGV: token, lifetime in milliseconds. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** KEYS: lock. ARGV: token. */
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end return 0`;

/**
 * Lets one process do work that all processes see. It only saves work: if two processes do it at once, the result is the
 * same.
 */
export class WorkLock {
  readonly #send: Send;
  readonly #key: string;
  readonly #token = randomBytes(8).toString('hex');
  #timer: NodeJS.Timeout | undefined;

  /** @param work name of the work */
  constructor(send: Send, work: string) {
    this.#send = send;
    this.#key = workKey(work);
  }

  /**
   * Runs the work, unless another process does it.
   *
   * @returns whether this process has done it
   * @throws DRedisError, or what the work throws
   */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (!(await this.#take())) return false;
    try {
      this.#timer = timers.setTimeout(() => this.#renew(), LOCK_MS / 3);
      this.#timer.unref();
      await work();
      return true;
    } finally {
      timers.clearTimeout(this.#timer);
      await this.#release().catch(() => undefined);
    }
  }

  async #take(): Promise<boolean> {
    const reply = await this.#send((commands) =>
      commands
        .eval(TAKE, [this.#key], [this.#token, String(LOCK_MS)])
        .then((count) => asCount('EVAL', count)),
    );
    return reply === 1;
  }

  #renew(): void {
    this.#take().catch(() => undefined);
    this.#timer = timers.setTimeout(() => this.#renew(), LOCK_MS / 3);
    this.#timer.unref();
  }

  async #release(): Promise<void> {
    await this.#send((commands) => commands.eval(RELEASE, [this.#key], [this.#token]));
  }
}
