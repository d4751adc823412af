import { PrefixSet } from '../format/prefix-set.js';
import { RESERVED_PREFIX } from '../format/reserved-keys.js';
import { registeredPrefixes } from '../sharding/registered-prefixes.js';
import { allMembersOf } from '../sharding/set-members.js';
import type { Send } from './send.js';

/** Why keys cannot move if {@link OurPrefixes.ignoresBareKeys}. */
export const BARE_KEYS =
  'A store uses keys without a prefix, so its keys cannot be told from those of other programs. If all keys in ' +
  'these databases belong to stores, set the option ownsDatabase (--owns-database). Otherwise, give the store a ' +
  'namespace';

/** Which keys move. */
export interface OurPrefixes {
  readonly prefixes: PrefixSet;
  /** Whether stores also use keys without a prefix, which must not be moved, because other programs may own them. */
  readonly ignoresBareKeys: boolean;
}

/**
 * Reads the prefixes that stores have registered on nodes. The list of one node completes that of another.
 *
 * @throws DRedisError
 */
export async function readPrefixes(sends: readonly Send[], ownsDatabase: boolean): Promise<OurPrefixes> {
  const lists = sends.map((send) =>
    registeredPrefixes((set) => allMembersOf((request) => send(request), set)),
  );
  const prefixes = new Set((await Promise.all(lists)).flat());
  const ignoresBareKeys = !ownsDatabase && prefixes.delete('');
  return {
    prefixes: new PrefixSet([...prefixes].filter((prefix) => !prefix.startsWith(RESERVED_PREFIX))),
    ignoresBareKeys,
  };
}
