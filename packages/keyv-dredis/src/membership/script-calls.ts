import type { Node } from '../node/node.js';
import { asCount, asValues } from '../node/reply-shapes.js';
import { MAINTENANCE, type Request, type SendOptions } from '../node/send-options.js';
import { type Arguments, AS_BYTES } from '../node/server-commands.js';
import { SupersededError } from '../node/superseded.js';
import { REMOVE } from './scripts.js';
import type { Send } from './send.js';

/**
 * Sends commands of a change. They do not depend on the epoch of the node, because the scripts check the record. After
 * a lost connection, the node is recovered first: if the server has restarted from a snapshot, its old entries must
 * not move.
 */
export function maintain(node: Node): <T>(request: Request<T>, options?: SendOptions) => Promise<T> {
  return async (request, options) => {
    if (!node.isRecovered) await node.connect();
    return node.run(request, { ...options, ...MAINTENANCE });
  };
}

/**
 * Runs a script of scripts.ts.
 *
 * @param args computed when the command is sent
 * @param parse checks the reply
 * @throws SupersededError if the server holds another record
 * @throws CommandFailedError if the server refuses the script
 */
export async function evaluate<T>(
  send: Send,
  script: string,
  keys: readonly string[],
  args: () => Arguments,
  parse: (reply: unknown) => T,
): Promise<T> {
  const result = await send(async (commands) => {
    const reply = await commands.eval(script, keys, args(), AS_BYTES);
    // A node translates errors, so the SupersededError is thrown outside.
    return reply === null ? undefined : { parsed: parse(reply) };
  });
  if (result === undefined) throw new SupersededError();
  return result.parsed;
}

/** What {@link removeStrings} has done. */
export interface RemoveResult {
  readonly removedCount: number;
  /** Keys that stay, because they hold other types. */
  readonly otherCount: number;
}

/**
 * Removes keys that hold strings.
 *
 * @param head beginning of the record that the server must hold; undefined if it must hold none
 * @throws SupersededError, CommandFailedError
 */
export function removeStrings(
  keys: readonly string[],
  send: Send,
  head: string | undefined,
): Promise<RemoveResult> {
  const parse = (reply: unknown) => {
    const [removed, others] = asValues('EVAL', reply, 2);
    return { removedCount: asCount('EVAL', removed), otherCount: asCount('EVAL', others) };
  };
  return evaluate(send, REMOVE, keys, () => [head ?? ''], parse);
}
