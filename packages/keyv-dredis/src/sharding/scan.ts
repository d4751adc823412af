import type { DRedisError } from '../errors/errors.js';
import { OWN_KEYS, scanPattern } from '../format/keyspace.js';
import type { StoredValue } from '../format/values.js';
import { type Commands, SCAN_START } from '../node/commands.js';
import type { Node } from '../node/node.js';
import { holdAll, type Snapshot } from './topology.js';

/** Sends commands to one node. */
export type Run = <T>(send: (commands: Commands) => Promise<T>) => Promise<T>;

/** Pages of the physical keys on a node that begin with a prefix, but for the store's own; none is empty. */
async function* scanPages(run: Run, prefix: string, count: number): AsyncGenerator<string[], void> {
  const pattern = scanPattern(prefix);
  const isWanted = (key: string) => key.startsWith(prefix) && (prefix !== '' || !key.startsWith(OWN_KEYS));
  let cursor = SCAN_START;
  do {
    const from = cursor;
    const page = await run((commands) => commands.scan(from, pattern, count));
    cursor = page.cursor;
    // The server may repeat a key; and the prefix has the last word, not the pattern.
    const keys = [...new Set(page.keys)].filter(isWanted);
    if (keys.length > 0) yield keys;
  } while (cursor !== SCAN_START);
}

/** Removes every key that begins with a prefix from one node, page by page. */
export async function purge(run: Run, prefix: string, count: number): Promise<void> {
  for await (const keys of scanPages(run, prefix, count)) await run((commands) => commands.unlink(keys));
}

/**
 * Removes every key that begins with one of some prefixes from every node: all nodes at once, on each one
 * page after the other. Leftovers on nodes that no longer own their keys go as well.
 *
 * @returns why, for each node that is not cleared
 */
export async function clearPrefixes(
  { byIndex }: Snapshot,
  prefixes: readonly string[],
  count: number,
): Promise<ReadonlyMap<Node, DRedisError>> {
  const errors = new Map<Node, DRedisError>();
  await Promise.all(
    byIndex.map(async (node) => {
      const release = node.hold();
      try {
        for (const prefix of prefixes) await purge((send) => node.run(send), prefix, count);
      } catch (error) {
        errors.set(node, error as DRedisError);
      } finally {
        release();
      }
    }),
  );
  return errors;
}

/**
 * All entries whose physical key begins with a prefix, node after node and page after page: no more
 * than one page is in memory.
 *
 * @param onError told once per node that failed; the nodes after it go on
 */
export async function* entriesOf(
  snapshot: Snapshot,
  prefix: string,
  count: number,
  onError: (error: DRedisError) => void,
): AsyncGenerator<[physicalKey: string, value: StoredValue], void> {
  const { ring, nodes } = snapshot;
  const release = holdAll(snapshot);
  try {
    for (const node of nodes.values()) {
      const pages = scanPages((send) => node.run(send), prefix, count);
      for (;;) {
        let keys: readonly string[];
        let values: readonly (StoredValue | null)[];
        try {
          const page = await pages.next();
          if (page.done) break;
          // What another node owns is a leftover of an older topology: get() would not find it here.
          const owned = page.value.filter((key) => ring.get(key) === node.name);
          if (owned.length === 0) continue;
          values = await node.run((commands) => commands.mGet(owned));
          keys = owned;
        } catch (error) {
          onError(error as DRedisError);
          break;
        }
        for (const [index, key] of keys.entries()) {
          // A key can go between SCAN and MGET, and another program's list or hash has no value for us.
          const value = values[index] ?? null;
          if (value !== null) yield [key, value];
        }
      }
    }
  } finally {
    release();
  }
}
