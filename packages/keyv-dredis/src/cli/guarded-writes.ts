import { evaluate } from '../membership/script-calls.js';
import { CHECK_RECORD_OR_NONE } from '../membership/scripts.js';
import type { Node } from '../node/node.js';
import { asCount, asValues } from '../node/reply-shapes.js';

const REMOVE = `${CHECK_RECORD_OR_NONE}
return redis.call('UNLINK', unpack(KEYS))
`;

/**
 * ARGV: head, and for each key: remaining milliseconds (0: the key never expires, empty: it has expired), value.
 * Reply per key: 1 if it was stored, 0 if it was there, -1 if it has expired.
 */
const ADD = `${CHECK_RECORD_OR_NONE}
local reply = {}
for i = 1, #KEYS do
  local ttl, value = ARGV[2 * i], ARGV[2 * i + 1]
  local stored
  if ttl == '' then
    stored = -1
  elseif ttl == '0' then
    stored = redis.call('SET', KEYS[i], value, 'NX')
  else
    stored = redis.call('SET', KEYS[i], value, 'NX', 'PX', ttl)
  end
  reply[i] = stored == -1 and -1 or stored and 1 or 0
end
return reply
`;

/** What became of an entry. */
export type AddOutcome = 'stored' | 'existing' | 'expired';

/** An entry to store unless its key is there. */
export interface NewEntry {
  readonly key: string;
  readonly value: Buffer;
  /** Milliseconds until it expires, when the command is sent; undefined if it never does. */
  readonly ttlMs: () => number | undefined;
}

/**
 * Removes keys from a node that does not own them. While the command runs, the node could become their owner.
 *
 * @param head beginning of the record under which the caller acts; empty if there is none
 * @returns how many of them existed
 * @throws SupersededError if the server holds another record
 * @throws DRedisError
 */
export function removeKeys(node: Node, keys: readonly string[], head: string): Promise<number> {
  const parse = (reply: unknown) => asCount('EVAL', reply);
  return evaluate(
    (request) => node.run(request),
    REMOVE,
    keys,
    () => [head],
    parse,
  );
}

/**
 * Stores entries at their owner, unless their keys are there. At a node that is no longer the owner, an old value
 * could be read later.
 *
 * @param head beginning of the record under which the caller acts; empty if there is none
 * @throws SupersededError if the server holds another record
 * @throws DRedisError
 */
export function addEntries(
  node: Node,
  entries: readonly NewEntry[],
  head: string,
): Promise<readonly AddOutcome[]> {
  const args = () => [
    head,
    ...entries.flatMap(({ value, ttlMs }) => {
      const left = ttlMs();
      const isExpired = left !== undefined && left <= 0;
      return [isExpired ? '' : String(Math.ceil(left ?? 0)), isExpired ? '' : value];
    }),
  ];
  const keys = entries.map(({ key }) => key);
  const parse = (reply: unknown) =>
    asValues('EVAL', reply, keys.length).map((each): AddOutcome => {
      if (each === 1) return 'stored';
      return each === 0 ? 'existing' : 'expired';
    });
  return evaluate((request) => node.run(request), ADD, keys, args, parse);
}
