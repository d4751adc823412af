import { isRefusal } from '../node/replies.js';

/**
 * The reply to a command that the store can do without; undefined if the server refuses the command. ACLs, old
 * servers, managed services and proxies use different words for a refusal, so the words do not matter.
 *
 * @throws DRedisError if the node is lost, or the server cannot work
 */
export function optional<T>(reply: Promise<T>): Promise<T | undefined> {
  return undefinedIf(isRefusal, reply);
}

/** The same for a removal. Only a missing permission or an unknown command may prevent a removal. */
export function unlessForbidden<T>(reply: Promise<T>): Promise<T | undefined> {
  return undefinedIf(isForbidden, reply);
}

function isForbidden(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof Error && /^(NOPERM|ERR unknown)/.test(cause.message);
}

async function undefinedIf<T>(
  isIgnored: (error: unknown) => boolean,
  reply: Promise<T>,
): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (isIgnored(error)) return undefined;
    throw error;
  }
}
