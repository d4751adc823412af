/** A call that is sent in several steps, so that a later call could overtake it. */
export interface StepwiseCall {
  readonly isWrite: boolean;
  /** All keys of the call begin with it. Undefined if it is not known. */
  readonly prefix?: string | undefined;
  /**
   * Sends now what the call has not sent yet for a key. Runs before a later call sends a command for that key.
   *
   * @param key physical key
   */
  sendFor(key: string): void;
}

/** What is sent: a read may overtake other reads. */
interface Command {
  readonly isWrite: boolean;
}

export const READ: Command = { isWrite: false };
export const WRITE: Command = { isWrite: true };

/**
 * Keeps the commands for a key in the order of the calls, although some calls take several steps: a call with
 * many keys, and `clear()`. A later call does not wait for such a call. Instead, the earlier call first sends
 * its part for the later call's keys. While no such call is in progress, this costs one comparison per call.
 */
export class CallOrder {
  /** The calls in progress, in the order in which they began, each with a promise for its end. */
  readonly #calls = new Map<StepwiseCall, Promise<void>>();

  /**
   * Runs before a command for a key is sent.
   *
   * @param command the call that sends the command, if it is a stepwise call itself
   */
  before(key: string, command: Command | StepwiseCall): void {
    if (this.#calls.size === 0) return;
    let last: StepwiseCall | undefined;
    for (const call of this.#calls.keys()) {
      if (call === command) break;
      if (call.isWrite || command.isWrite) last = call;
    }
    if (last === undefined) return;
    // Includes reads before the last write. Otherwise, that write would overtake them.
    for (const call of this.#calls.keys()) {
      call.sendFor(key);
      if (call === last) return;
    }
  }

  /** Resolves once all calls that are in progress now, and may use keys with a prefix, have ended. Never rejects. */
  async idle(prefix: string): Promise<void> {
    const ends: Promise<void>[] = [];
    for (const [call, end] of this.#calls) {
      const other = call.prefix ?? prefix;
      if (other.startsWith(prefix) || prefix.startsWith(other)) ends.push(end);
    }
    await Promise.all(ends);
  }

  /** Runs a stepwise call. */
  async run<T>(call: StepwiseCall, action: () => Promise<T>): Promise<T> {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#calls.set(call, ended);
    try {
      return await action();
    } finally {
      this.#calls.delete(call);
      end();
    }
  }
}
