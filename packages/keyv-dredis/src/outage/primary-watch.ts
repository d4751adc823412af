import { DRedisError } from '../errors/errors.js';
import type { Commands } from '../node/commands.js';
import type { Node } from '../node/node.js';
import type { RecentWrites } from '../node/recent-writes.js';
import { MAINTENANCE } from '../node/send-options.js';
import { timers } from '../timers.js';
import { parseInfo, type ServerInfo } from './server-history.js';

/** Pause between two observations of a node, in milliseconds. */
const PAUSE_MS = { replicated: 1000, alone: 30_000 };

/** A server's state, and the writes that it had confirmed to this process since the observation before. */
export interface Observation {
  readonly server: ServerInfo;
  readonly writes: RecentWrites;
}

/** @param sections sections of INFO. Default: the server's default sections */
export async function observe(commands: Commands, ...sections: string[]): Promise<Observation> {
  const writes = commands.takeWrites();
  try {
    const server = parseInfo(await commands.info(...sections));
    commands.recordsWrites ||= server.replicaCount > 0 || server.isReplica;
    return { server, writes };
  } catch (error) {
    commands.putBackWrites(writes);
    throw error;
  }
}

/**
 * Observes the position of each primary in its replication history while this process writes to it. After a
 * failover, the position shows whether the new primary has received these writes. Also notices a client of the
 * caller's that has changed to another server by itself, as a sentinel client does.
 */
export class PrimaryWatch {
  readonly #onObservation: (node: Node, observation: Observation) => Promise<void>;
  readonly #timers = new Map<Node, NodeJS.Timeout>();
  /** Nodes that have had replicas. In the middle of a failover, a primary may have none. */
  readonly #replicated = new WeakSet<Node>();
  #isStopped = false;

  /** @param onObservation called with INFO's section on replication */
  constructor(onObservation: (node: Node, observation: Observation) => Promise<void>) {
    this.#onObservation = onObservation;
  }

  /** Starts the observation of a node. It ends when the node is down or closed. */
  start(node: Node, { replicaCount, isReplica }: ServerInfo): void {
    if (replicaCount > 0 || isReplica) this.#replicated.add(node);
    this.#schedule(node);
  }

  /** Ends the observation of all nodes. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timers.clearTimeout(timer);
    this.#timers.clear();
  }

  #schedule(node: Node): void {
    if (this.#isStopped) return;
    timers.clearTimeout(this.#timers.get(node));
    const pauseMs = PAUSE_MS[this.#replicated.has(node) ? 'replicated' : 'alone'];
    const timer = timers.setTimeout(() => void this.#observe(node), pauseMs);
    timer.unref();
    this.#timers.set(node, timer);
  }

  async #observe(node: Node): Promise<void> {
    this.#timers.delete(node);
    // The next recovery starts the observation again.
    if (node.status.state === 'down') return;
    try {
      const observation = await node.run(async (commands) => {
        const isNeeded = !commands.recordsWrites || commands.hasWrites || !node.isManaged;
        return isNeeded ? observe(commands, 'replication') : undefined;
      }, MAINTENANCE);
      if (observation !== undefined) {
        await this.#onObservation(node, observation);
        this.start(node, observation.server);
      }
    } catch (error) {
      if (error instanceof DRedisError && error.code === 'DREDIS_CLOSED') return;
    }
    if (!this.#timers.has(node)) this.#schedule(node);
  }
}
