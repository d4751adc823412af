import { isErrorReply } from '../connection/redis-client.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  DRedisError,
  NodeUnavailableError,
} from '../errors/errors.js';
import { redact } from '../errors/redact.js';

/** Replies of a server that answers PING but cannot do its work, or not yet. */
const CANNOT_SERVE = /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|OOM) /;

/** Whether a reply means that the whole node cannot serve, not just this command. */
export function cannotServe({ cause }: CommandFailedError): boolean {
  return cause instanceof Error && CANNOT_SERVE.test(cause.message);
}

/** Makes the errors of one node. None of them shows its password. */
export class Failures {
  readonly #node: string;
  readonly #secrets: readonly string[];
  readonly #timeoutMs: number;

  constructor(node: string, secrets: readonly string[], timeoutMs: number) {
    this.#node = node;
    this.#secrets = secrets;
    this.#timeoutMs = timeoutMs;
  }

  /** The error for the caller of a command. */
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

  closed(): DRedisError {
    return new DRedisError('DREDIS_CLOSED', `Node ${this.#node} is closed`, { node: this.#node });
  }
}
