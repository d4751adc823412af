import { CommandFailedError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import { asCount, asText } from '../node/reply-shapes.js';
import { READ_ONLY } from '../node/send-options.js';
import { AS_TEXT } from '../node/server-commands.js';

/** Sends a command that only reads, and that the store itself never sends. @throws DRedisError */
export function ask(node: Node, ...args: readonly string[]): Promise<unknown> {
  return node.run(() => node.client.sendCommand(args as never, AS_TEXT as never), READ_ONLY);
}

/** The reply to a command; undefined if the server refuses or does not know it. @throws DRedisError */
export async function unlessRefused<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof CommandFailedError) return undefined;
    throw error;
  }
}

/** What a server holds under a key. */
export interface StoredEntry {
  /** Redis' name of the type, such as `string`. */
  readonly type: string;
  /** Length of a string, otherwise memory in use; undefined if the server does not tell it. */
  readonly bytes: number | undefined;
  /** Milliseconds until the entry expires; undefined if it never does. */
  readonly ttlMs: number | undefined;
}

/** What a server holds under a key; undefined if there is nothing. @throws DRedisError */
export async function readEntry(node: Node, key: string): Promise<StoredEntry | undefined> {
  const [type, ttlMs] = await Promise.all([ask(node, 'TYPE', key), ask(node, 'PTTL', key)]);
  if (type === 'none') return undefined;
  const size = type === 'string' ? ask(node, 'STRLEN', key) : ask(node, 'MEMORY', 'USAGE', key);
  const bytes = await unlessRefused(size);
  return {
    type: asText('TYPE', type) ?? 'unknown',
    bytes: typeof bytes === 'number' ? bytes : undefined,
    ttlMs: Number(ttlMs) >= 0 ? Number(ttlMs) : undefined,
  };
}

/** Number of keys in the node's database. @throws DRedisError */
export async function databaseSize(node: Node): Promise<number> {
  return asCount('DBSIZE', await ask(node, 'DBSIZE'));
}
