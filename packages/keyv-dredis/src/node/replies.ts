import { CommandFailedError } from '../errors/errors.js';

/** First words of the replies from a server that replies but cannot work, or cannot work yet. */
const DOWN = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN']);

/** First words of the replies from a server that is not the primary, or no longer the primary. */
const NOT_PRIMARY = new Set(['READONLY', 'MASTERDOWN', 'MOVED']);

/**
 * Whether an error is a reply that refuses one command. If not, the node cannot be used. The first word of the
 * reply decides.
 *
 * | reply | effect |
 * |---|---|
 * | LOADING, BUSY, MASTERDOWN, CLUSTERDOWN | the node is down |
 * | OOM, READONLY, MISCONF, NOREPLICAS | this write is refused; reads and removals go on |
 * | NOPERM, WRONGTYPE, ERR and all others | this command is refused |
 * | READONLY, MASTERDOWN, MOVED | also: the store connects again, because the address may lead to another server |
 */
export function isRefusal(error: unknown): error is CommandFailedError {
  return error instanceof CommandFailedError && !DOWN.has(firstWordOf(error.cause));
}

/** Whether an error is a reply from a server that is not the primary. See {@link isRefusal}. */
export function isFromReplica(error: unknown): error is CommandFailedError {
  return error instanceof CommandFailedError && NOT_PRIMARY.has(firstWordOf(error.cause));
}

/** Whether an error is the reply that the user has no permission, or that the server does not know the command. */
export function isUnavailableCommand(error: unknown): boolean {
  if (!(error instanceof CommandFailedError)) return false;
  const word = firstWordOf(error.cause);
  return word === 'NOPERM' || (word === 'ERR' && /unknown command/i.test((error.cause as Error).message));
}

/**
 * Whether an error is the reply that a key holds something else than a value, such as a list.
 *
 * @param error the reply, or the error for the caller
 */
export function isWrongType(error: unknown): boolean {
  return firstWordOf(error instanceof CommandFailedError ? error.cause : error) === 'WRONGTYPE';
}

/** @param reply an error reply */
function firstWordOf(reply: unknown): string {
  return (reply instanceof Error && /^\S+/.exec(reply.message)?.[0]) || '';
}
