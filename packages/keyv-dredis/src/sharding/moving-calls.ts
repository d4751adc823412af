import { leaseKey } from '../format/reserved-keys.js';
import type { StoredValue } from '../format/values.js';
import type { Node } from '../node/node.js';
import { SupersededError } from '../node/superseded.js';
import { logged } from './missed-writes.js';
import type { NodeRequest } from './placement.js';
import type { Snapshot } from './topology.js';

/** A request whose keys move from one node to another. */
export interface MovingRequest extends NodeRequest {
  readonly source: Node;
}

/**
 * Moves entries from the source of a request to its node, for keys that the node does not have.
 *
 * @returns each key's value on the node afterwards
 */
export type Pull = (
  keys: readonly string[],
  request: MovingRequest,
  snapshot: Snapshot,
) => Promise<readonly (StoredValue | undefined)[]>;

export function isMoving<Request extends { readonly source?: Node | undefined }>(
  request: Request,
): request is Request & { readonly source: Node } {
  return request.source !== undefined;
}

/**
 * Reads and writes keys whose entries move between two rings. Answers come from the new owner alone, so no two
 * processes see a key differently. A write first removes the entry from the old owner, and takes away the lease of
 * an entry that is on its way.
 */
export class MovingCalls {
  readonly #pull: Pull;

  constructor(pull: Pull) {
    this.#pull = pull;
  }

  /** Each key's value, whether or not the entries move. */
  async read(request: NodeRequest, snapshot: Snapshot): Promise<readonly (StoredValue | undefined)[]> {
    if (isMoving(request)) return this.#get(request, snapshot);
    return request.node.run((commands) => commands.mGet(request.keys), snapshot.reads);
  }

  async #get(request: MovingRequest, snapshot: Snapshot): Promise<(StoredValue | undefined)[]> {
    const { node, keys } = request;
    const values = await node.run((commands) => commands.mGet(keys), snapshot.reads);
    const missing = keys.flatMap((_, index) => (values[index] === undefined ? [index] : []));
    return this.#complete([...values], missing, request, snapshot);
  }

  /** Whether each key exists. */
  async has(request: MovingRequest, snapshot: Snapshot): Promise<boolean[]> {
    const { node, keys } = request;
    const exist: (StoredValue | boolean | undefined)[] = await Promise.all(
      keys.map((key) => node.run((commands) => commands.exists(key), snapshot.reads)),
    );
    const missing = keys.flatMap((_, index) => (exist[index] ? [] : [index]));
    for (const index of missing) exist[index] = undefined;
    const completed = await this.#complete(exist, missing, request, snapshot);
    return completed.map((value) => value !== undefined);
  }

  /** Stores entries. @param send sends the commands for the new owner before it returns the promise */
  async set<T>(request: MovingRequest, snapshot: Snapshot, send: () => Promise<T>): Promise<T> {
    const { source, keys } = request;
    await source.run((commands) => commands.unlink(keys), snapshot.writes);
    const [, reply] = await Promise.all([this.takeLeases(request, snapshot), send()]);
    return reply;
  }

  /**
   * Removes keys.
   *
   * @param removed if the call fails or starts over, gets the positions of the keys that it has removed so far
   * @returns whether each key existed on one of the nodes
   */
  async delete(request: MovingRequest, snapshot: Snapshot, removed: Set<number>): Promise<boolean[]> {
    const { node, source, positions } = request;
    const atSource = await unlinkEach(source, request, snapshot, removed);
    try {
      const [, atNode] = await Promise.all([
        this.takeLeases(request, snapshot),
        unlinkEach(node, request, snapshot, removed),
      ]);
      return atNode.map((existed, index) => existed || (atSource[index] as boolean));
    } catch (error) {
      positions.forEach((position, index) => {
        if (atSource[index]) removed.add(position);
      });
      throw error;
    }
  }

  /** Takes away the leases of entries that are on their way, so that they are not stored. Also logs the write. */
  protected async takeLeases({ node, keys }: MovingRequest, snapshot: Snapshot): Promise<void> {
    const { writes } = snapshot;
    await node.run(
      (commands) => logged(commands, keys, snapshot, () => commands.unlink(keys.map(leaseKey))),
      writes,
    );
  }

  /** Pulls the missing values. */
  async #complete<Value>(
    values: (Value | StoredValue | undefined)[],
    missing: readonly number[],
    request: MovingRequest,
    snapshot: Snapshot,
  ): Promise<(Value | StoredValue | undefined)[]> {
    if (missing.length === 0) return values;
    const keys = missing.map((index) => request.keys[index] as string);
    const pulled = await this.#pull(keys, request, snapshot);
    missing.forEach((position, index) => {
      values[position] = pulled[index];
    });
    return values;
  }
}

/**
 * Removes the keys of a request one by one.
 *
 * @param removed if one of the commands fails, gets the positions of the keys that were removed
 * @returns whether each key existed
 */
async function unlinkEach(
  node: Node,
  { keys, positions }: NodeRequest,
  snapshot: Snapshot,
  removed: Set<number>,
): Promise<boolean[]> {
  const note = (index: number) => removed.add(positions[index] as number);
  const outcomes = await Promise.allSettled(
    keys.map((key, index) => unlinkOne(node, key, snapshot, () => note(index))),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value);
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'fulfilled' && outcome.value) note(index);
  });
  throw failed.reason;
}

/**
 * Removes a key.
 *
 * @param onExecuted called if the key was removed, although the reply does not count
 * @returns whether the key existed
 */
export async function unlinkOne(
  node: Node,
  key: string,
  { writes }: Snapshot,
  onExecuted: () => void,
): Promise<boolean> {
  try {
    return (await node.run((commands) => commands.unlink([key]), writes)) > 0;
  } catch (error) {
    if (error instanceof SupersededError && Number(error.reply ?? 0) > 0) onExecuted();
    throw error;
  }
}
