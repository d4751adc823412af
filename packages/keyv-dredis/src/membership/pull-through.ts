import type { Node } from '../node/node.js';
import { isRefusal } from '../node/replies.js';
import type { SendOptions } from '../node/send-options.js';
import { SupersededError } from '../node/superseded.js';
import type { Pull } from '../sharding/moving-calls.js';
import { pull } from './pull.js';
import { recordHead, type TopologyRecord } from './record.js';
import type { Send } from './send.js';

/** How commands of a pull are sent to a node. */
export type SenderOf = (node: Node, options: SendOptions) => Send;

/**
 * Pulls entries for calls of the store. If a server refuses the scripts, for example because it has no memory or the
 * user may not write, the entries that have not moved yet are misses.
 *
 * @param recordNow returns the record that the process follows
 */
export function pullThrough(recordNow: () => TopologyRecord | undefined, senderOf: SenderOf = sender): Pull {
  return async (keys, { node, source }, { epoch, writes }) => {
    const record = recordNow();
    if (record?.epoch !== epoch) throw new SupersededError();
    try {
      const route = { from: senderOf(source, writes), to: senderOf(node, writes), head: recordHead(record) };
      return (await pull(keys, route)).values;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return keys.map(() => undefined);
    }
  };
}

function sender(node: Node, options: SendOptions): Send {
  return (request) => node.run(request, options);
}
