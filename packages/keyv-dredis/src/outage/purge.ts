import type { PrefixSet } from '../format/prefix-set.js';
import { chunksOf } from '../sharding/chunks.js';
import { pagesOf, type Run } from '../sharding/scan.js';
import type { OptionalCommands } from './optional-commands.js';

/**
 * Removes all keys that begin with one of the prefixes from a node. Sends one SCAN for all prefixes. Skips
 * keys that the ACL user may not remove.
 *
 * @param count number of keys per SCAN
 * @returns the number of removed keys
 */
export async function purge(
  run: Run,
  prefixes: PrefixSet,
  count: number,
  optional: OptionalCommands,
): Promise<number> {
  if (prefixes.size === 0) return 0;
  return (await optional.unlessForbidden('SCAN', purgePages(run, prefixes, count, optional))) ?? 0;
}

async function purgePages(
  run: Run,
  prefixes: PrefixSet,
  count: number,
  optional: OptionalCommands,
): Promise<number> {
  const forbidden = new Set<string | undefined>();
  let removedCount = 0;
  const remove = async (keys: readonly string[]) => {
    const count = await optional.unlessForbidden(
      'UNLINK',
      run((commands) => commands.unlink(keys)),
    );
    removedCount += count ?? 0;
    return count !== undefined;
  };
  for await (const page of pagesOf(run, prefixes, count)) {
    for (const chunk of chunksOf(page.filter((key) => !forbidden.has(prefixes.prefixOf(key))))) {
      if (await remove(chunk)) continue;
      // Redis refuses the whole command if the user may not remove one of its keys.
      for (const prefix of new Set(chunk.map((key) => prefixes.prefixOf(key)))) {
        const isRemoved = await remove(chunk.filter((key) => prefixes.prefixOf(key) === prefix));
        if (!isRemoved) forbidden.add(prefix);
      }
    }
  }
  return removedCount;
}
