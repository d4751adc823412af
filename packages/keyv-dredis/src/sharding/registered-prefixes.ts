import { PREFIX_LISTS_KEY, prefixListKey } from '../format/reserved-keys.js';

/**
 * All prefixes that stores have registered on one server, in all its runs. Each store registers its prefix on every
 * node before it uses the node.
 *
 * @param membersOf reads a set on the server
 */
export async function registeredPrefixes(
  membersOf: (set: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const runIds = await membersOf(PREFIX_LISTS_KEY);
  const lists = await Promise.all(runIds.map((runId) => membersOf(prefixListKey(runId))));
  return lists.flat();
}
