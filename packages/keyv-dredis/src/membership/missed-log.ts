import { missedKey } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import { asCount } from '../node/reply-shapes.js';
import { ENTRY, LOG_TTL_MS } from '../sharding/missed-writes.js';
import { membersOf } from '../sharding/set-members.js';
import { evaluate, maintain } from './script-calls.js';
import { CHECK_RECORD } from './scripts.js';

/**
 * The base of a log. It contains the run of the server, so that the log does not count after a restart, which may have
 * lost the last names.
 */
const baseOf = (argument: number) => `
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)')
local base = run and '${ENTRY.base}' .. ARGV[${argument}] .. ' ' .. run
`;

/**
 * Begins a log, unless it has begun. A log of an earlier outage is deleted. If the server does not tell its run, there is
 * no log. Does nothing once the node is away: then a log without a base has lost names.
 *
 * KEYS: log. ARGV: head of the record in which the node is leaving, id of the log, lifetime in milliseconds.
 */
const BEGIN = `${CHECK_RECORD}${baseOf(2)}
if not base or redis.call('SISMEMBER', KEYS[1], base) == 1 then return 0 end
redis.call('UNLINK', KEYS[1])
redis.call('SADD', KEYS[1], base)
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** KEYS: log. ARGV: id of the log. */
const IS_COMPLETE = `${baseOf(1)}
return base and redis.call('SISMEMBER', KEYS[1], base) or 0`;

/** What a log says. */
export interface MissedWritesOn {
  readonly holder: Node;
  readonly keys: readonly string[];
  /** Prefixes whose keys were all removed. */
  readonly prefixes: readonly string[];
}

/**
 * Begins the log of the writes that a node is going to miss.
 *
 * @param head of the record in which the node is leaving
 * @throws SupersededError if the holder has another record; DRedisError
 */
export async function beginLog(holder: Node, node: string, id: string, head: string): Promise<void> {
  const args = () => [head, id, String(LOG_TTL_MS)];
  await evaluate(maintain(holder), BEGIN, [missedKey(node)], args, (reply) => asCount('EVAL', reply));
}

/**
 * Reads the log of the writes that a node misses.
 *
 * @returns undefined if the log is not complete: the server has lost it, or it was too long
 * @throws DRedisError
 */
export async function readLog(holder: Node, node: string, id: string): Promise<MissedWritesOn | undefined> {
  const send = maintain(holder);
  const log = missedKey(node);
  const keys = new Set<string>();
  const prefixes = new Set<string>();
  for await (const page of membersOf(send, log)) {
    for (const entry of page) {
      if (entry.startsWith(ENTRY.key)) keys.add(entry.slice(ENTRY.key.length));
      else if (entry.startsWith(ENTRY.prefix)) prefixes.add(entry.slice(ENTRY.prefix.length));
    }
  }
  // Last, because the log may be lost while it is read.
  const isComplete = await send((commands) =>
    commands.eval(IS_COMPLETE, [log], [id]).then((reply) => asCount('EVAL', reply)),
  );
  return isComplete === 1 ? { holder, keys: [...keys], prefixes: [...prefixes] } : undefined;
}

/** Removes the log of the writes that a node has missed. @throws DRedisError */
export async function removeLog(holder: Node, node: string): Promise<void> {
  await maintain(holder)((commands) => commands.unlink([missedKey(node)]));
}
