import { atMost } from '../connection/at-most.js';
import { failoverKey, hintsKey } from '../format/reserved-keys.js';
import { MAINTENANCE, type Node } from '../node/node.js';
import { chunksOf } from '../sharding/chunks.js';
import { purge, type Run } from '../sharding/scan.js';
import type { Topology } from '../sharding/topology.js';
import { type Hint, type Hints, hintOfKey, hintOfPrefix, parseHints } from './hints.js';
import type { NamespacesInUse } from './namespaces.js';
import { unlessForbidden } from './optional-commands.js';

/** Time limit for reading hints from other nodes, in milliseconds. It is shorter if commands are waiting. */
const HOLDER_TIMEOUT_MS = { withWaiters: 250, withoutWaiters: 2000 };

export interface ReplayOptions {
  readonly topology: Topology;
  readonly hints: Hints;
  readonly namespaces: NamespacesInUse;
  readonly scanCount: number;
  /** Whether fallback nodes may hold other nodes' entries. */
  readonly failsOver: boolean;
}

/** Removes keys from a node that missed writes to these keys. */
export class Replay {
  readonly #options: ReplayOptions;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /**
   * Replays the hints from this process and from all holders that reply in time.
   *
   * @param hasWaiters whether commands are waiting; if so, holders have less time to reply
   * @throws DRedisError if the node is lost again
   */
  async replayHints(node: Node, hasWaiters: boolean): Promise<void> {
    const own = this.#options.hints.drain(node);
    try {
      const held = await this.#hintsOfHolders(node, hasWaiters);
      const all = [...new Set<string>([...own, ...[...held.values()].flat()])];
      const heldBy = (holder: Node) => held.get(holder) ?? [];
      await this.#replay(all, node, (request) => node.run(request, MAINTENANCE), heldBy);
    } catch (error) {
      this.#recordAgain(node, own);
      throw error;
    }
  }

  /**
   * Replays this process's hints on a node that replies again on the same connection. Because it is the same
   * connection, the server finishes all earlier commands first.
   */
  async invalidateMissed(node: Node): Promise<void> {
    const own = this.#options.hints.drain(node);
    if (own.length === 0) return;
    try {
      await this.#replay(
        own,
        node,
        (request) => node.run(request),
        () => own,
      );
    } catch {
      this.#recordAgain(node, own);
    }
  }

  /**
   * First removes the hinted keys from the node, then the entries for these keys from fallback nodes, and
   * finally the hints.
   *
   * @param heldBy returns the hints that another node holds
   */
  async #replay(
    hints: readonly string[],
    node: Node,
    run: Run,
    heldBy: (holder: Node) => readonly string[],
  ): Promise<void> {
    await this.#remove(hints, run);
    await Promise.all(
      this.#othersThan(node).map(async (holder) => {
        const held = heldBy(holder);
        const removed = await this.#removeFallbackEntries(this.#options.failsOver ? hints : held, holder);
        if (removed) await this.#dropHints(held, node, holder);
      }),
    );
  }

  #recordAgain(node: Node, hints: readonly Hint[]): void {
    for (const hint of hints) this.#options.hints.record(node, hint);
  }

  async #hintsOfHolders(node: Node, hasWaiters: boolean): Promise<ReadonlyMap<Node, readonly string[]>> {
    const held = new Map<Node, readonly string[]>();
    const asked = this.#othersThan(node).filter(({ status }) => status.state !== 'down');
    const replies = asked.map(async (holder) => {
      held.set(holder, await holder.run((commands) => commands.setMembers(hintsKey(node.name)), MAINTENANCE));
    });
    const timeoutMs = HOLDER_TIMEOUT_MS[hasWaiters ? 'withWaiters' : 'withoutWaiters'];
    await atMost(timeoutMs, Promise.allSettled(replies));
    // Returns a copy, without the hints that arrive later. Those hints are not replayed, so they must not be
    // dropped.
    return new Map(held);
  }

  async #remove(hints: readonly string[], run: Run, keyOn = (key: string) => key): Promise<void> {
    const { namespaces, scanCount } = this.#options;
    const { keys, prefixes } = parseHints(hints);
    for (const chunk of chunksOf(keys)) {
      await unlessForbidden(run((commands) => commands.unlink(chunk.map(keyOn))));
    }
    for (const prefix of prefixes) {
      if (namespaces.mayPurge(prefix)) await unlessForbidden(purge(run, keyOn(prefix), scanCount));
    }
  }

  /** @returns whether the entries were removed */
  async #removeFallbackEntries(hints: readonly string[], holder: Node): Promise<boolean> {
    try {
      if (holder.status.state === 'down') throw holder.status.reason;
      await this.#remove(hints, (request) => holder.run(request, MAINTENANCE), failoverKey);
      return true;
    } catch {
      // The holder missed these removals, so record hints about the holder.
      const { keys, prefixes } = parseHints(hints);
      for (const key of keys) this.#options.hints.record(holder, hintOfKey(failoverKey(key)));
      for (const prefix of prefixes) this.#options.hints.record(holder, hintOfPrefix(failoverKey(prefix)));
      // The holder may have come back in the meantime.
      if (holder.status.state === 'up') await this.invalidateMissed(holder);
      return false;
    }
  }

  /** Removes replayed hints from a holder. If that fails, they will be replayed again. */
  async #dropHints(hints: readonly string[], node: Node, holder: Node): Promise<void> {
    try {
      for (const chunk of chunksOf(hints)) {
        await holder.run((commands) => commands.removeMembers(hintsKey(node.name), chunk), MAINTENANCE);
      }
    } catch {
      // The hints stay on the holder. Replaying them again costs only misses.
    }
  }

  #othersThan(node: Node): readonly Node[] {
    return this.#options.topology.snapshot.byIndex.filter(({ name }) => name !== node.name);
  }
}
