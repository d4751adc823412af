import { missedKey } from '../format/reserved-keys.js';
import type { Commands } from '../node/commands.js';
import { missingFor, type Snapshot } from './topology.js';

/**
 * While a node is away, another node serves its keys. Each write there is logged on that server, before the write, under
 * the name of the node that misses it. When the node returns, its values for these keys are old and are removed.
 *
 * A member of a log is a letter and a text, see below. A log without its base is not complete, so all keys are old then.
 */
export const ENTRY = Object.freeze({
  /** A physical key that was written. */
  key: 'k',
  /** A prefix of physical keys, for `clear()`. */
  prefix: 'p',
  /** The first member of a log: which outage it belongs to, and in which run the server wrote it. */
  base: 'b',
});

/** Names in a log. A longer log is deleted: then everything on the node counts as old. */
export const MAX_LOG_LENGTH = 100_000;

/** Names that a process adds to a log before it looks how long the log is. */
const CHECK_INTERVAL = 1_000;

/** How long a log stays at most, in milliseconds. After that, everything counts as old. */
export const LOG_TTL_MS = 24 * 3_600_000;

/** KEYS: log. ARGV: limit, lifetime in milliseconds for a log without one. */
const LIMIT_LOG = `
if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[1]) then redis.call('UNLINK', KEYS[1]) end
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

/** Number of names that this process has added to each log since it last looked. */
const additions = new Map<string, number>();

/**
 * Runs a write after its log, on the same connection.
 *
 * @param write sends the write before it returns the promise
 */
export function logged<T>(
  commands: Commands,
  keys: readonly string[],
  snapshot: Snapshot,
  write: () => Promise<T>,
): Promise<T> {
  const logs = logKeys(commands, keys, snapshot);
  if (logs.length === 0) return write();
  return Promise.all([write(), ...logs]).then(([reply]) => reply);
}

/** Logs that keys are written. Sends nothing if no node misses them. */
export function logKeys(
  commands: Commands,
  keys: readonly string[],
  snapshot: Snapshot,
): readonly Promise<unknown>[] {
  if (snapshot.missing === undefined) return [];
  const byNode = new Map<string, string[]>();
  for (const key of keys) {
    for (const name of missingFor(key, snapshot)) {
      const entries = byNode.get(name);
      if (entries === undefined) byNode.set(name, [ENTRY.key + key]);
      else entries.push(ENTRY.key + key);
    }
  }
  return Array.from(byNode, ([name, entries]) => add(commands, name, entries)).flat();
}

/** Logs that all keys with a prefix are removed. */
export async function logPrefix(commands: Commands, prefix: string, { missing }: Snapshot): Promise<void> {
  await Promise.all((missing?.names ?? []).flatMap((name) => add(commands, name, [ENTRY.prefix + prefix])));
}

function add(commands: Commands, name: string, entries: readonly string[]): readonly Promise<unknown>[] {
  const log = missedKey(name);
  // Without the log, everything counts as old. A server that is out of memory, or refuses SADD, can still remove it.
  const added = commands.addMembers(log, entries).catch(() => commands.unlink([log]));
  // Also at the first time.
  const count = (additions.get(name) ?? CHECK_INTERVAL - 1) + entries.length;
  additions.set(name, count % CHECK_INTERVAL);
  if (count < CHECK_INTERVAL) return [added];
  const limited = commands.eval(LIMIT_LOG, [log], [String(MAX_LOG_LENGTH), String(LOG_TTL_MS)]);
  // A server that refuses it keeps a long log.
  return [added, limited.catch(() => undefined)];
}
