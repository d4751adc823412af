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
  return error instanceof CommandFailedError && !DOWN.has(firstWordOf(error));
}

/** Whether an error is a reply from a server that is not the primary. See {@link isRefusal}. */
export function isFromReplica(error: unknown): error is CommandFailedError {
  return error instanceof CommandFailedError && NOT_PRIMARY.has(firstWordOf(error));
}

function firstWordOf({ cause }: CommandFailedError): string {
  return (cause instanceof Error && /^\S+/.exec(cause.message)?.[0]) || '';
}
