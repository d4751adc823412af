/**
 * Prefix of the keys that the store keeps for itself. No namespace can have it, because `%` is escaped in
 * namespaces. `clear()` and `iterator()` hide these keys when keys are raw.
 */
export const RESERVED_PREFIX = '%dredis:';

/** Key that a probe writes. It expires at once. */
export const PROBE_KEY = `${RESERVED_PREFIX}probe`;

/** Key of the `run_id` that the server had at its last recovery. A snapshot holds that of its own run. */
export const RUN_ID_KEY = `${RESERVED_PREFIX}run`;

/** Key of the set of prefixes that were used with a server. */
export const PREFIXES_KEY = `${RESERVED_PREFIX}prefixes`;

/** Key, on another node, of the set of hints about the node of this name. */
export function hintsKey(node: string): string {
  return `${RESERVED_PREFIX}hints:${node}`;
}

const FAILOVER_PREFIX = `${RESERVED_PREFIX}copy:`;

/** The physical key, or prefix, under which a fallback node stores an entry of another node. */
export function failoverKey(key: string): string {
  return key.startsWith(FAILOVER_PREFIX) ? key : FAILOVER_PREFIX + key;
}
