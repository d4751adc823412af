import { noop } from '../connection/connection.js';
import { CommandFailedError } from '../errors/errors.js';
import { failoverKey } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import type { NodeRequest, WriteObserver } from '../sharding/placement.js';
import type { Snapshot, Topology } from '../sharding/topology.js';
import { firstAvailable } from './failover.js';
import { type Hints, hintOfKey, hintOfPrefix } from './hints.js';

/** Records a hint for every write that a node missed, or may have missed. */
export class MissedWrites implements WriteObserver {
  readonly #topology: Topology;
  readonly #hints: Hints;
  readonly #failsOver: boolean;

  /** @param failsOver whether fallback nodes may hold entries */
  constructor(topology: Topology, hints: Hints, failsOver: boolean) {
    this.#topology = topology;
    this.#hints = hints;
    this.#failsOver = failsOver;
  }

  /** The owner misses the write, and so do all nodes between the owner and this fallback node. */
  async fallbackWrite(key: string, fallback: Node, { ring, nodes }: Snapshot): Promise<void> {
    const names = ring.replicas(key, ring.size);
    const before = names.slice(0, names.indexOf(fallback.name));
    await Promise.all(
      before.map((name, index) =>
        this.#hints.record(
          nodes.get(name) as Node,
          hintOfKey(index === 0 ? key : failoverKey(key)),
          fallback,
        ),
      ),
    );
  }

  writeFailed(
    { node, keys, isFallback }: Pick<NodeRequest, 'node' | 'keys' | 'isFallback'>,
    error: unknown,
  ): void {
    // If an available node replied with an error, the write certainly did not happen.
    if (error instanceof CommandFailedError && node.isAvailable) return;
    for (const key of keys) {
      this.#hints.record(node, hintOfKey(key));
      if (this.#failsOver && !isFallback) this.#removeFallbackEntry(key);
    }
  }

  clearFailed(node: Node, prefix: string): void {
    this.#hints.record(node, hintOfPrefix(prefix));
  }

  flushed(): Promise<void> {
    return this.#hints.flushed();
  }

  /**
   * Removes a value that a fallback node may still hold from an earlier outage. The failed write should have
   * replaced that value, so the value must not be read again.
   */
  #removeFallbackEntry(key: string): void {
    const node = firstAvailable(key, this.#topology.snapshot);
    const fallbackKey = failoverKey(key);
    node?.send(
      (commands) => commands.unlink([fallbackKey]),
      noop,
      () => this.#hints.record(node, hintOfKey(fallbackKey)),
    );
  }
}
