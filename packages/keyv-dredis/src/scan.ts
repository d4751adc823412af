import { SCAN_START } from './commands.js';
import type { DRedisError } from './errors.js';
import { scanPattern } from './keyspace.js';
import type { Node } from './node.js';
import { holdAll, type Snapshot } from './topology.js';
import type { StoredValue } from './values.js';

/** Pages of the physical keys on a node that begin with a prefix; none is empty. */
async function* scanPages(node: Node, prefix: string, count: number): AsyncGenerator<string[], void> {
  const pattern = scanPattern(prefix);
  let cursor = SCAN_START;
  do {
    const from = cursor;
    const page = await node.run((commands) => commands.scan(from, pattern, count));
    cursor = page.cursor;
    // The server may repeat a key; and the prefix has the last word, not the pattern.
    const keys = [...new Set(page.keys)].filter((key) => key.startsWith(prefix));
    if (keys.length > 0) yield keys;
  } while (cursor !== SCAN_START);
}

/**
 * Removes every key that begins with a prefix from every node: all nodes at once, on each one page
 * after the other. Leftovers on nodes that no longer own their keys go as well.
 *
 * @returns one error per node that is not cleared
 */
export async function clearPrefix(
  { nodes }: Snapshot,
  prefix: string,
  count: number,
): Promise<DRedisError[]> {
  const outcomes = await Promise.allSettled(
    Array.from(nodes.values(), async (node) => {
      const release = node.hold();
      try {
        for await (const keys of scanPages(node, prefix, count)) {
          await node.run((commands) => commands.unlink(keys));
        }
      } finally {
        release();
      }
    }),
  );
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
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
      const pages = scanPages(node, prefix, count);
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
