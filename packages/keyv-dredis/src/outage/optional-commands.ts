import { CommandFailedError, type DRedisError } from '../errors/errors.js';

const FORBIDDEN_OR_UNKNOWN = /^(NOPERM|ERR unknown)/;

/** The reply; undefined if an ACL forbids the command, or if the server does not support it. */
export async function ifSupported<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    const { cause } = error as DRedisError;
    if (cause instanceof Error && FORBIDDEN_OR_UNKNOWN.test(cause.message)) return undefined;
    throw error;
  }
}

/**
 * Ignores error replies, because a server that is read-only or out of memory refuses writes, but can still
 * answer reads.
 */
export async function ignoreRefusal(reply: Promise<unknown>): Promise<void> {
  try {
    await reply;
  } catch (error) {
    if (!(error instanceof CommandFailedError)) throw error;
  }
}
