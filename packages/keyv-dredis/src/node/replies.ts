import { CommandFailedError } from '../errors/errors.js';

/** First words of the replies from a server that answers but cannot work, or cannot work yet. */
const DOWN = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN']);

/**
 * Whether an error is a reply that refuses one command. If not, the node cannot be used. The first word of the
 * reply decides.
 *
 * | reply | effect |
 * |---|---|
 * | LOADING, BUSY, MASTERDOWN, CLUSTERDOWN | the node is down |
 * | OOM, READONLY, MISCONF, NOREPLICAS | this write is refused; reads and removals go on |
 * | NOPERM, WRONGTYPE, ERR and all others | this command is refused |
 */
export function isRefusal(error: unknown): error is CommandFailedError {
  if (!(error instanceof CommandFailedError)) return false;
  const { cause } = error;
  return !(cause instanceof Error && DOWN.has(/^\S+/.exec(cause.message)?.[0] ?? ''));
}
