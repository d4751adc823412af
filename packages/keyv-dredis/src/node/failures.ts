import { isErrorReply } from '../connection/redis-client.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  NodeUnavailableError,
} from '../errors/errors.js';
import { redact } from '../errors/redact.js';

/** Creates the errors for one node. They never show its password. */
export class Failures {
  readonly #node: string;
  readonly #secrets: readonly string[];
  readonly #timeoutMs: number;

  constructor(node: string, secrets: readonly string[], timeoutMs: number) {
    this.#node = node;
    this.#secrets = secrets;
    this.#timeoutMs = timeoutMs;
  }

  /** Converts any error to the error that a caller gets. */
  translate(error: unknown): DRedisError {
    if (error instanceof DRedisError) return error;
    if (isErrorReply(error)) return new CommandFailedError(this.#node, redact(error, this.#secrets));
    return this.unavailable(error);
  }

  unavailable(cause: unknown): NodeUnavailableError {
    if (cause instanceof NodeUnavailableError) return cause;
    return new NodeUnavailableError(this.#node, redact(cause, this.#secrets));
  }

  timeout(): CommandTimeoutError {
    return new CommandTimeoutError(this.#node, this.#timeoutMs);
  }

  /** @param reply an error reply */
  notPrimary(reply: CommandFailedError): DRedisError {
    return new DRedisError(
      'DREDIS_NOT_PRIMARY',
      `Node ${this.#node} is not the primary: ${(reply.cause as Error).message} (the caller created the node's ` +
        'client, so the store does not reconnect it; reconnect the client, or pass a function that creates it)',
      { node: this.#node, cause: reply },
    );
  }

  closed(): DRedisError {
    return new DRedisError('DREDIS_CLOSED', `Node ${this.#node} is closed`, { node: this.#node });
  }
}
