import { PrefixSet } from '../format/prefix-set.js';
import type { Node } from '../node/node.js';
import { isRefusal } from '../node/replies.js';
import { WorkLock } from '../node/work-lock.js';
import { chunksOf } from '../sharding/chunks.js';
import { ownerOf, ringOf, sourceOf, type Topology } from '../sharding/topology.js';
import { timers } from '../timers.js';
import { storeIdsIn } from './connected-stores.js';
import { type MissedWritesOn, readLog, removeLog } from './missed-log.js';
import { moveKeys } from './mover.js';
import { isReturn, withMoveBack, withoutPrevious, withReturning } from './node-states.js';
import { Pace, sleep } from './pace.js';
import type { Proposals } from './proposals.js';
import { MAX_PAGE_SIZE, move } from './pull.js';
import { type RecordedNode, recordHead, type TopologyRecord } from './record.js';
import { maintain, removeStrings } from './script-calls.js';
import { sweepWhole } from './sweep.js';

/** How long to wait until all nodes hold a record, in milliseconds. A node that does not answer is leaving by then. */
const ALL_HOLD_MS = 1_000;

const POLL_MS = 5;

export interface BringBackOptions {
  readonly topology: Topology;
  readonly proposals: Proposals;
  readonly record: () => TopologyRecord | undefined;
  readonly scanCount: number;
  readonly prefixes: () => Promise<PrefixSet>;
  readonly leftOut: ReadonlySet<string>;
}

/** Brings a node back to the ring that was away. Any process can go on with it at any step. */
export class BringBack {
  readonly #options: BringBackOptions;
  constructor(options: BringBackOptions) {
    this.#options = options;
  }

  /**
   * Takes the next steps, until the node serves its keys again.
   *
   * @returns whether something was done; false if another process does it
   * @throws DRedisError, SupersededError if the topology changes in another way
   */
  async run(node: Node, signal: AbortSignal): Promise<boolean> {
    return new WorkLock(maintain(node), 'return').run(async () => {
      for (;;) {
        const record = this.#options.record();
        if (record === undefined || signal.aborted) return;
        if (!(await this.#step(node, record, signal))) return;
        // Another process may have decided what comes next.
        if (this.#options.record()?.epoch === record.epoch) return;
      }
    });
  }

  /** @returns whether there may be another step */
  async #step(node: Node, record: TopologyRecord, signal: AbortSignal): Promise<boolean> {
    const { proposals, leftOut } = this.#options;
    const recorded = record.nodes.find(({ name }) => name === node.name);
    const isOtherLeaving = record.nodes.some(({ name, state }) => name !== node.name && state === 'leaving');
    if (recorded === undefined || isOtherLeaving) return false;
    if (recorded.state === 'away' && record.previous === undefined) {
      // Most of the work, while the other nodes serve the keys.
      await this.#sweep(node, recorded, record, signal);
      if (leftOut.has('closing')) return proposals.propose(withMoveBack(record, node.name), record);
      return proposals.propose(withReturning(record, node.name), record);
    }
    if (recorded.state === 'returning') {
      await this.#allHold();
      await dropOtherConnections(node);
      const isComplete = await this.#sweep(node, recorded, record, signal);
      const next = withMoveBack(record, node.name);
      return proposals.propose(isComplete ? next : withoutLogOf(next, node.name), record);
    }
    if (recorded.state === undefined && record.previous !== undefined && isReturn(record)) {
      await this.#allHold();
      await this.#move(node, recorded, record, signal);
      if (signal.aborted) return false;
      await proposals.propose(withoutPrevious(record), record);
      await this.#allHold();
      await Promise.all(this.#holders(node).map((holder) => removeLog(holder, node.name)));
    }
    return false;
  }

  /** The nodes that serve keys, except for this one. They hold the logs. */
  #holders(node: Node): readonly Node[] {
    const { nodes, absences } = this.#options.topology.snapshot;
    return [...nodes.values()].filter((other) => other !== node && !absences.has(other));
  }

  /**
   * Waits until all nodes that are not away hold the present record, so that no process acts under the one before.
   *
   * @throws Error if a node does not, in time
   */
  async #allHold(): Promise<void> {
    const { topology } = this.#options;
    const { snapshot } = topology;
    const endsAt = timers.now() + ALL_HOLD_MS;
    const missing = () =>
      snapshot.allNodes.filter(
        (node) => snapshot.absences.get(node) !== 'away' && node.epoch !== snapshot.epoch,
      );
    while (missing().length > 0) {
      if (topology.snapshot !== snapshot) throw new Error('the topology has changed');
      if (timers.now() >= endsAt) throw new Error(`${missing()[0]?.name} does not hold the record yet`);
      await sleep(POLL_MS);
    }
  }

  /**
   * Removes old entries from the node: those that the logs name, or all.
   *
   * @returns whether the logs are complete, so that they also tell what has to move back
   */
  async #sweep(
    node: Node,
    { log }: RecordedNode,
    record: TopologyRecord,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { scanCount, prefixes } = this.#options;
    const head = recordHead(record);
    const logs = await this.#logs(node, log, record);
    if (logs === undefined) {
      const all = await prefixes();
      await sweepWhole({ node, isOwner: () => false, head, prefixes: all, scanCount, signal });
      return false;
    }
    const keys = new Set(logs.flatMap((each) => each.keys));
    for (const chunk of chunksOf([...keys], MAX_PAGE_SIZE)) {
      signal.throwIfAborted();
      await removeStrings(chunk, maintain(node), head);
    }
    const cleared = new PrefixSet(logs.flatMap((each) => each.prefixes));
    if (cleared.size > 0) {
      await sweepWhole({ node, isOwner: () => false, head, prefixes: cleared, scanCount, signal });
    }
    return true;
  }

  /** The logs of all nodes that could have served the keys of this one; undefined if one of them is not complete. */
  async #logs(
    node: Node,
    log: string | undefined,
    { nodes }: TopologyRecord,
  ): Promise<readonly MissedWritesOn[] | undefined> {
    const isAlone = nodes.every(({ name, state }) => name === node.name || state === undefined);
    if (log === undefined || !isAlone) return undefined;
    const logs = await Promise.all(this.#holders(node).map((holder) => readLog(holder, node.name, log)));
    const complete = logs.filter((each) => each !== undefined);
    return complete.length === logs.length ? complete : undefined;
  }

  /** Moves the entries back that were stored on other nodes. */
  async #move(node: Node, { log }: RecordedNode, record: TopologyRecord, signal: AbortSignal): Promise<void> {
    const { snapshot } = this.#options.topology;
    const head = recordHead(record);
    const logs = await this.#logs(node, log, record);
    if (logs === undefined) return this.#moveAll(node, record, signal);
    // The log of a key may be on another node than its entry, because another node was away, too, and has returned.
    const bySource = new Map<Node, string[]>();
    for (const key of new Set(logs.flatMap(({ keys }) => keys))) {
      if (ownerOf(key, snapshot) !== node) continue;
      const source = sourceOf(key, node, snapshot);
      if (source === undefined) continue;
      const keys = bySource.get(source);
      if (keys === undefined) bySource.set(source, [key]);
      else keys.push(key);
    }
    await Promise.all(
      Array.from(bySource, async ([source, keys]) => {
        for (const chunk of chunksOf(keys, MAX_PAGE_SIZE)) {
          signal.throwIfAborted();
          await move(chunk, { from: maintain(source), to: maintain(node), head });
        }
      }),
    );
  }

  async #moveAll(node: Node, record: TopologyRecord, signal: AbortSignal): Promise<void> {
    const { scanCount, prefixes } = this.#options;
    const head = recordHead(record);
    const before = ringOf(record.previous ?? []);
    const after = ringOf(record.nodes);
    const all = await prefixes();
    const pace = new Pace(Number.POSITIVE_INFINITY, signal);
    await Promise.all(
      this.#holders(node).map((from) => {
        const ownerOf = (key: string) =>
          before.get(key) === from.name && after.get(key) === node.name ? node : undefined;
        return moveKeys({ from, ownerOf, head, prefixes: all, scanCount, pace, signal });
      }),
    );
  }
}

/**
 * Closes the connections of all other stores to a node. Writes that a process has sent before the node went away, and then
 * sent again to another node, may still be on their way on a connection that the process has given up. They would be
 * executed after the sweep.
 */
async function dropOtherConnections(node: Node): Promise<void> {
  const send = maintain(node);
  try {
    const [own, list] = await Promise.all([
      send((commands) => commands.connectionId()),
      send((commands) => commands.clientList()),
    ]);
    const others = storeIdsIn(list).filter((id) => id !== own);
    await Promise.all(others.map((id) => send((commands) => commands.killConnection(id))));
  } catch (error) {
    // The server does not allow it. docs/guarantees.md names the consequence.
    if (!isRefusal(error)) throw error;
  }
}

function withoutLogOf(next: ReturnType<typeof withMoveBack>, name: string): typeof next {
  return {
    ...next,
    nodes: next.nodes.map((node) => (node.name === name ? { ...node, log: undefined } : node)),
  };
}
