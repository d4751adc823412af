import { Option } from 'commander';
import { PrefixSet } from '../format/prefix-set.js';
import { OptionalCommands } from '../outage/optional-commands.js';
import { PrefixLists } from '../outage/prefix-lists.js';
import { explain } from './failures.js';
import type { Fleet } from './fleet.js';
import type { Problem } from './output.js';

export const OWNS_DATABASE_OPTION = new Option(
  '--owns-database',
  'count keys without a prefix, too (the store option ownsDatabase)',
);

/** Which keys belong to stores. */
export interface OurKeys {
  /** Prefixes of the namespaces that stores have registered on the servers. */
  readonly prefixes: PrefixSet;
  /** Whether stores also use keys without a prefix, which do not count, because other programs may own them. */
  readonly ignoresBareKeys: boolean;
  /** Nodes that refuse to tell the prefixes. */
  readonly refusals: readonly Problem[];
}

/**
 * Reads which namespaces use the nodes. Each store registers its prefix on every node before it uses the node, so
 * the list of one node completes that of another.
 */
export async function readOurKeys(fleet: Fleet, ownsDatabase = false): Promise<OurKeys> {
  const refusals: Problem[] = [];
  const lists = fleet.usable.map(async ({ node }) => {
    try {
      const commands = new OptionalCommands((_command, error) => {
        const message = `it does not tell which namespaces use it: ${explain(error, node.name)}`;
        refusals.push({ node: node.name, message });
      });
      return await new PrefixLists(node, undefined, commands).all();
    } catch (error) {
      fleet.failed(node.name, error);
      return [];
    }
  });
  const prefixes = new Set((await Promise.all(lists)).flat());
  const ignoresBareKeys = !ownsDatabase && prefixes.delete('');
  return { prefixes: new PrefixSet(prefixes), ignoresBareKeys, refusals };
}
