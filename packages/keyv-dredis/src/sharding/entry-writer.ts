import type { Entry } from '../node/commands.js';
import type { Node } from '../node/node.js';
import type { CallOrder, StepwiseCall } from './call-order.js';
import type { NodeReply } from './call-results.js';
import { pipeline } from './pipeline.js';
import type { NodeRequest } from './placement.js';
import type { Snapshot } from './topology.js';

/** Stores entries on one node, with as few commands as the server allows. */
export class EntryWriter {
  /** Whether a node has MSETEX; not set as long as that is unknown. */
  readonly #hasMSetEx = new WeakMap<Node, boolean>();

  /**
   * Sends one MSET if no entry expires, or one MSETEX if all entries expire at the same time and the server has the
   * command. Otherwise, sends one SET per entry.
   *
   * @param entries all entries of the call
   */
  async write(
    { node, keys, positions }: NodeRequest,
    entries: readonly Entry[],
    { writes }: Snapshot,
    order: CallOrder,
  ): Promise<NodeReply<boolean>> {
    const own = positions.map((position) => entries[position] as Entry);
    const { expiresAt } = own[0] as Entry;
    const set = async (key: string, index: number) => {
      const entry = own[index] as Entry;
      await node.run((commands) => commands.set(key, entry.value, entry.expiresAt), writes);
      return true;
    };
    // A server without MSETEX gets one SET per entry immediately, so that no later call overtakes them.
    const hasCommand = expiresAt === undefined || this.#hasMSetEx.get(node);
    if (own.length === 1 || hasCommand === false || !own.every((entry) => entry.expiresAt === expiresAt)) {
      return pipeline(keys, false, set);
    }
    const setOnce = memoized(set);
    const trial: StepwiseCall = {
      isWrite: true,
      sendFor: (key) => {
        own.forEach((entry, index) => {
          if (entry.key === key) setOnce(keys[index] as string, index).catch(() => undefined);
        });
      },
    };
    const setAll = async () => {
      const values = own.map(({ value }) => value);
      const accepted = await node.run((commands) => commands.mSet(keys, values, expiresAt), writes);
      if (accepted !== undefined) this.#hasMSetEx.set(node, accepted);
      return accepted === false ? pipeline(keys, false, setOnce) : { values: keys.map(() => true) };
    };
    return hasCommand ? setAll() : order.run(trial, setAll);
  }
}

/** Calls the function once per index. */
function memoized<T>(run: (key: string, index: number) => Promise<T>): typeof run {
  const results = new Map<number, Promise<T>>();
  return (key, index) => {
    const known = results.get(index) ?? run(key, index);
    results.set(index, known);
    return known;
  };
}
