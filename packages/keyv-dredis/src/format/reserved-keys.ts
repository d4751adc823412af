/**
 * Prefix of the store's own keys. No namespace's keys can begin with it: the default format escapes `%` in
 * namespaces, and the format `'keyv-redis'` refuses such a namespace. If keys have no prefix, `clear()` and
 * `iterator()` skip the store's own keys.
 */
export const RESERVED_PREFIX = '%dredis:';

/** Key that a probe writes. It expires immediately. */
export const PROBE_KEY = `${RESERVED_PREFIX}probe`;

/**
 * Key for the `run_id` and the replication history that the server had at its last recovery. If the server
 * restarts from a snapshot, the key describes an earlier run.
 */
export const RUN_ID_KEY = `${RESERVED_PREFIX}run`;

/** Key of a set of all `run_id`s that have a list of prefixes on the server. */
export const PREFIX_LISTS_KEY = `${RESERVED_PREFIX}prefixes`;

/** Key of a set that contains all prefixes that were used with this server during one run. */
export function prefixListKey(runId: string): string {
  return `${PREFIX_LISTS_KEY}:${runId}`;
}

/** Key of the log on other nodes that names the writes which the node with the given name misses. */
export function missedKey(node: string): string {
  return `${RESERVED_PREFIX}missed:${node}`;
}

/** Key of the topology record. Every server of the cache holds the same record. */
export const TOPOLOGY_KEY = `${RESERVED_PREFIX}topology`;

/** Key of a server's state as a voter, while the next topology is decided. */
export const VOTE_KEY = `${TOPOLOGY_KEY}:vote`;

/** Prefix of the keys that hold leases, while keys move between two rings. */
export const LEASE_PREFIX = `${RESERVED_PREFIX}moving:`;

/** The key that holds the lease for a physical key, or the prefix of the leases for a prefix. */
export function leaseKey(key: string): string {
  return LEASE_PREFIX + key;
}

/** Prefix of temporary keys. Each holds a long value until a script gives it the name of its key. */
export const STAGED_PREFIX = `${RESERVED_PREFIX}staged:`;

/** Key on a node of the process that brings the node back, or removes old entries from it. */
export function workKey(work: string): string {
  return `${RESERVED_PREFIX}work:${work}`;
}
