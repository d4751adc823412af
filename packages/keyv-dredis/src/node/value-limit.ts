import { isErrorReply } from '../connection/redis-client.js';
import { byteLength, MAX_BYTES, mayExceed } from '../format/sizes.js';
import { timers } from '../timers.js';
import { configuredNumber } from './reply-shapes.js';

/** Redis cannot be configured to a lower limit. The rest of the command needs a few bytes. */
const MIN_BYTES = 2 ** 20 - 1024;

/** After this many lost connections in a row, a value counts as too long. */
const MAX_LOSSES = 2;

/** The reply to a value that is too long. */
const TOO_LONG = /invalid bulk length/;

/** Whether a server may refuse a value because of its length. */
export function isLong(value: string | Buffer): boolean {
  return mayExceed(value, MIN_BYTES);
}

/**
 * The longest value that a server accepts. For a longer value, Redis closes the connection, and every call on
 * it fails. So before the first long value is sent, the server is asked for its limit.
 */
export class ValueLimit {
  readonly #send: (args: readonly string[]) => Promise<unknown>;
  #acceptedBytes = MIN_BYTES;
  /** Whether the server has told its limit. */
  #isKnown = false;
  /** Number of long values in a row on which the connection was lost. */
  #lossCount = 0;
  /** Length of the shortest value that the server has refused. */
  #refusedBytes = Number.POSITIVE_INFINITY;
  #asking: Promise<unknown> | undefined;

  /** @param send sends a command to the server */
  constructor(send: (args: readonly string[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Set while the server is asked. Other commands wait for it, so that they do not overtake the value. */
  get asking(): Promise<unknown> | undefined {
    return this.#asking;
  }

  /** Whether a value can be sent without asking the server. */
  accepts(value: string | Buffer): boolean {
    return byteLength(value) <= this.#acceptedBytes;
  }

  /** Asks the server. Resolves with an error if the connection is lost. Never rejects. */
  ask(): Promise<unknown> {
    if (this.#asking === undefined) {
      this.#asking = this.#ask().catch((error) => error);
      // By then, all commands that waited have been sent.
      const done = () => {
        this.#asking = undefined;
      };
      this.#asking.then(() => timers.setImmediate(done));
    }
    return this.#asking;
  }

  /** Why the server would refuse a value. */
  refusal(value: string | Buffer): Error {
    const bytes = byteLength(value);
    return new Error(
      `ERR the value has ${bytes} bytes, and the server accepts at most ${this.#acceptedBytes} ` +
        '(proto-max-bulk-len, client-query-buffer-limit)',
    );
  }

  /** Learns that the server has stored a long value. */
  stored(): void {
    this.#lossCount = 0;
  }

  /**
   * Learns from a failed command. The reply to a value that is too long is often lost with the connection. If the
   * server has told its limit, it is asked again before the next long value, because the limit may be lower now, or
   * another server may be the primary. If the server does not tell its limit, a long value on which two connections in
   * a row were lost counts as refused.
   */
  failed(value: string | Buffer, error: unknown): void {
    if (this.#isKnown) {
      this.#acceptedBytes = MIN_BYTES;
      return;
    }
    if (!isErrorReply(error)) this.#lossCount += 1;
    else if (!TOO_LONG.test(error.message)) return;
    if (!isErrorReply(error) && this.#lossCount < MAX_LOSSES) return;
    this.#refusedBytes = Math.min(this.#refusedBytes, byteLength(value));
    this.#acceptedBytes = Math.min(this.#acceptedBytes, Math.max(MIN_BYTES, this.#refusedBytes - 1));
  }

  async #ask(): Promise<void> {
    const [bulk, query] = await Promise.all([
      this.#setting('proto-max-bulk-len'),
      this.#setting('client-query-buffer-limit'),
    ]);
    const limit = Math.min(MAX_BYTES, bulk, query - 1024, this.#refusedBytes - 1);
    this.#isKnown = bulk < Number.POSITIVE_INFINITY;
    this.#acceptedBytes = Math.max(MIN_BYTES, limit);
  }

  /** A setting's value; infinity if the server does not tell. */
  async #setting(name: string): Promise<number> {
    try {
      return configuredNumber(await this.#send(['CONFIG', 'GET', name])) ?? Number.POSITIVE_INFINITY;
    } catch (error) {
      if (isErrorReply(error)) return Number.POSITIVE_INFINITY;
      throw error;
    }
  }
}
