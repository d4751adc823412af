import { isHangUp } from '../connection/connect-errors.js';
import { isErrorReply } from '../connection/redis-client.js';
import { timers } from '../timers.js';

/** Number of connections that may be lost at a command. After that, the command is left out. */
const MAX_LOSSES = 2;

/** A command is tried again only if no connection was lost at one for this time, in milliseconds. */
const TRY_AGAIN_MS = 1000;

/**
 * Leaves out commands at which the other side closes the connection, as some proxies do with commands that they
 * do not support. Otherwise, the store would send the command on every new connection, and never be usable.
 *
 * A command that was answered once is never left out: then, a lost connection has another cause. After the first
 * loss, the commands are sent one by one, to find out which of them is the cause.
 */
export class ClosingCommands {
  /** Connections that were lost before each command was answered. */
  readonly #lossCounts = new Map<string, number>();
  /** Commands that were lost in this turn of the event loop. */
  readonly #lostNow = new Set<string>();
  #lostAt = Number.NEGATIVE_INFINITY;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Tries each command that is left out once more, because the connections may have been lost for another reason.
   * Called when a new connection is opened, unless it replaces one that was lost at such a command.
   */
  tryAgain(): void {
    for (const [name, count] of this.#lossCounts) {
      if (count >= MAX_LOSSES && timers.now() - this.#lostAt > TRY_AGAIN_MS)
        this.#lossCounts.set(name, MAX_LOSSES - 1);
    }
  }

  /** Sends a command. If it is left out, rejects as if the server had refused it. */
  send<T>(name: string, send: () => Promise<T>): Promise<T> {
    const lossCount = this.#lossCounts.get(name) ?? 0;
    if (lossCount >= MAX_LOSSES) {
      return Promise.reject(new Error(`it closed the connection ${MAX_LOSSES} times at this command`));
    }
    const reply = this.#isSearching ? this.#last.then(send, send) : send();
    this.#last = reply;
    const answered = () => this.#lossCounts.set(name, Number.NEGATIVE_INFINITY);
    reply.then(answered, (error) => {
      if (isErrorReply(error)) answered();
      else if (isHangUp(error)) {
        this.#lostAt = timers.now();
        this.#countLoss(name);
      }
    });
    return reply;
  }

  /** A lost connection counts once, although it loses several commands with the same name. */
  #countLoss(name: string): void {
    if (this.#lostNow.size === 0) timers.setImmediate(() => this.#lostNow.clear());
    if (this.#lostNow.has(name)) return;
    this.#lostNow.add(name);
    this.#lossCounts.set(name, (this.#lossCounts.get(name) ?? 0) + 1);
  }

  get #isSearching(): boolean {
    return [...this.#lossCounts.values()].some((count) => count > 0 && count < MAX_LOSSES);
  }
}
