import { CommandFailedError } from '../errors/errors.js';
import { effectOf } from '../node/replies.js';

/**
 * The reply to a command that the store can do without; undefined if the server refuses it. An ACL, an old
 * server, a managed service and a proxy each refuse in words of their own, so the words do not matter.
 *
 * @throws DRedisError if the node is lost, or the server does no work at all
 */
export async function optional<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof CommandFailedError && effectOf(error) === 'refused') return undefined;
    throw error;
  }
}

/** The same for a removal, which only a missing permission or an unknown command may leave undone. */
export async function unlessForbidden<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    const { cause } = error as CommandFailedError;
    if (cause instanceof Error && /^(NOPERM|ERR unknown)/.test(cause.message)) return undefined;
    throw error;
  }
}
