/**
 * Prefix of the store's own keys. No namespace can begin with it, because `%` is escaped in namespaces. If
 * keys are raw and have no namespace, `clear()` and `iterator()` skip the store's own keys.
 */
export const RESERVED_PREFIX = '%dredis:';

/** Key that a probe writes. It expires immediately. */
export const PROBE_KEY = `${RESERVED_PREFIX}probe`;

/**
 * Key for the `run_id` that the server had at its last recovery. If the server restarts from a snapshot, the
 * key holds the `run_id` of an earlier run.
 */
export const RUN_ID_KEY = `${RESERVED_PREFIX}run`;

/** Key of a set that contains all prefixes that were used with this server. */
export const PREFIXES_KEY = `${RESERVED_PREFIX}prefixes`;

/** Key of a set that other nodes hold. The set contains the hints about the node with the given name. */
export function hintsKey(node: string): string {
  return `${RESERVED_PREFIX}hints:${node}`;
}

const FAILOVER_PREFIX = `${RESERVED_PREFIX}copy:`;

/** The physical key, or prefix, under which a fallback node stores another node's entry. */
export function failoverKey(key: string): string {
  return key.startsWith(FAILOVER_PREFIX) ? key : FAILOVER_PREFIX + key;
}
