import type { CommandFailedError } from '../errors/errors.js';

/** The effect of an error reply on its node. */
export type ReplyEffect =
  /** The server does no work at all: the node is down. */
  | 'down'
  /** The server refused this command. The node stays up. */
  | 'refused';

/** Replies of a server that answers but does no work, or not yet. All other error replies refuse one command. */
const DOWN = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN']);

/**
 * The effect of an error reply, by its first word.
 *
 * | reply | effect |
 * |---|---|
 * | LOADING, BUSY, MASTERDOWN, CLUSTERDOWN | the node is down |
 * | OOM, READONLY, MISCONF, NOREPLICAS | this write is refused; reads and removals go on |
 * | NOPERM, WRONGTYPE, ERR and all others | this command is refused |
 */
export function effectOf({ cause }: CommandFailedError): ReplyEffect {
  const word = cause instanceof Error ? (/^\S+/.exec(cause.message)?.[0] ?? '') : '';
  return DOWN.has(word) ? 'down' : 'refused';
}
