import type { CommandFailedError } from '../errors/errors.js';
import type { Reporter } from '../errors/reporter.js';
import { isRefusal } from '../node/replies.js';

const LATE_WRITE = 'after a reconnect, a late write on the old connection may replace a newer value';
const OLD_ENTRIES = 'after a restart, old values of other processes may be read';
const OLD_VALUE = 'after a restart, old values may be read';

/** What can happen if a server refuses an optional command. */
const CONSEQUENCES: Readonly<Record<string, string>> = {
  INFO: 'restarts of the server are not noticed, so old values may be read after a restart',
  'CLIENT ID': LATE_WRITE,
  'CLIENT KILL': LATE_WRITE,
  SET: 'a restart is not noticed by processes that did not use the server before',
  GET: 'a restart is not noticed by processes that did not use the server before',
  SADD: OLD_ENTRIES,
  SSCAN: OLD_ENTRIES,
  SREM: 'lists of namespaces stay on the server too long',
  EVAL: 'after a restart, several processes remove the same keys',
  MGET: 'after a planned failover, the last written keys are removed',
  SCAN: OLD_VALUE,
  UNLINK: OLD_VALUE,
};

/** Called when a server refuses a command that the store can do without. The error names the node. */
export type OnRefusal = (command: string, error: CommandFailedError) => void;

/**
 * Warns that a server refused an optional command, once per node and command. Does not warn if the server
 * refuses all writes at the moment, because callers learn that from their own writes.
 */
export function warnOfRefusal(reporter: Reporter, command: string, error: CommandFailedError): void {
  if (/^(OOM|READONLY|MISCONF|NOREPLICAS)\b/.test(String((error.cause as Error).message))) return;
  const code = 'DREDIS_OPTIONAL_COMMAND_REFUSED';
  const message = `${error.message.replace(/\.$/, '')}. The store can do without ${command}, but ${CONSEQUENCES[command]}.`;
  reporter.warnOnce(code, message, `${code} ${error.node} ${command}`);
}

/**
 * Handles refusals of commands that the store can do without. ACLs, old servers, managed services and proxies use
 * different words for a refusal, so the words do not matter.
 */
export class OptionalCommands {
  readonly #onRefusal: OnRefusal;

  constructor(onRefusal: OnRefusal) {
    this.#onRefusal = onRefusal;
  }

  /**
   * The reply to a command; undefined if the server refuses the command.
   *
   * @throws DRedisError if the node is lost, or the server cannot work
   */
  optional<T>(command: string, reply: Promise<T>): Promise<T | undefined> {
    return this.#undefinedIf(isRefusal, command, reply);
  }

  /**
   * The same for a removal. If the refusal comes from a state that may end, such as READONLY or NOAUTH, it still
   * rejects. Otherwise, old values would be read after the state has ended.
   */
  unlessForbidden<T>(command: string, reply: Promise<T>): Promise<T | undefined> {
    return this.#undefinedIf(isForbidden, command, reply);
  }

  /** Tells a refusal, and rejects with it. */
  async told<T>(command: string, reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      if (isRefusal(error)) this.#onRefusal(command, error);
      throw error;
    }
  }

  async #undefinedIf<T>(
    isIgnored: (error: unknown) => boolean,
    command: string,
    reply: Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.told(command, reply);
    } catch (error) {
      if (isIgnored(error)) return undefined;
      throw error;
    }
  }
}

function isForbidden(error: unknown): boolean {
  if (!isRefusal(error)) return false;
  const code = /^[A-Z]+(?= )/.exec((error.cause as Error).message)?.[0] ?? 'ERR';
  return code === 'ERR' || code === 'NOPERM';
}
