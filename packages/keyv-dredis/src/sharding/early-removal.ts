import type { DRedisError } from '../errors/errors.js';
import type { Commands } from '../node/commands.js';
import type { Node } from '../node/node.js';
import { SupersededError } from '../node/superseded.js';
import type { StepwiseCall } from './call-order.js';
import { logged } from './missed-writes.js';
import { isMoving, type MovingCalls } from './moving-calls.js';
import type { Placement, Route } from './placement.js';
import type { StartOver } from './start-over.js';
import { ownerOf, type Snapshot, sourceOf } from './topology.js';

/** Dependencies of {@link EarlyRemoval}. */
export interface EarlyRemovalOptions {
  readonly placement: Placement;
  readonly moving: MovingCalls;
  readonly startOver: StartOver;
}

/**
 * A `clear()` in progress, as later calls see it. Before a later call uses a key, this removes that key, and
 * `clear()` leaves the key alone from then on. So a later read finds nothing, and a later write survives.
 */
export class EarlyRemoval implements StepwiseCall {
  readonly isWrite = true;
  readonly prefix: string;
  readonly #options: EarlyRemovalOptions;
  /** Physical keys. */
  readonly #removed = new Set<string>();
  readonly #removals: Promise<void>[] = [];
  /** By the name of the node. */
  readonly #errors = new Map<string, DRedisError>();

  /** @param prefix of the namespace that is cleared */
  constructor(prefix: string, options: EarlyRemovalOptions) {
    this.prefix = prefix;
    this.#options = options;
  }

  /** One error per node that has not removed all keys, under its name, once all removals have ended. Never rejects. */
  async errors(): Promise<ReadonlyMap<string, DRedisError>> {
    await Promise.all(this.#removals);
    return this.#errors;
  }

  sendFor(key: string): void {
    if (!key.startsWith(this.prefix) || this.#removed.has(key)) return;
    const { placement } = this.#options;
    const { snapshot } = placement;
    this.#removed.add(key);
    this.#removals.push(this.#remove(key, placement.routeOf(key, snapshot), snapshot));
  }

  async #remove(key: string, first: Route, snapshot: Snapshot): Promise<void> {
    const { placement, startOver } = this.#options;
    const call = { node: first.node, keys: [key], isWrite: true };
    const again = (current: Snapshot) => this.#send(key, placement.routeOf(key, current), current);
    try {
      if (isMoving(first) || startOver.isNeeded(first.node, snapshot, key, true))
        return await startOver.run(call, again);
      await this.#send(key, first, snapshot).catch((error) => {
        if (!(error instanceof SupersededError)) throw error;
        return startOver.run(call, again, error);
      });
    } catch (error) {
      const { node = first.node.name } = error as DRedisError;
      this.#errors.set(node, error as DRedisError);
    }
  }

  /** Sends the removal before it returns the promise, unless the entry moves. */
  async #send(key: string, route: Route, snapshot: Snapshot): Promise<void> {
    const keys = [key];
    if (isMoving(route)) {
      await this.#options.moving.delete({ ...route, keys, positions: [0] }, snapshot, new Set());
    } else {
      const remove = (commands: Commands) => logged(commands, keys, snapshot, () => commands.unlink(keys));
      await route.node.run(remove, snapshot.writes);
    }
  }

  /**
   * The keys of a page that `clear()` still has to remove from a node. Where a key that was removed early may be
   * stored, a later value may be, too.
   */
  remaining(keys: readonly string[], node: Node, snapshot: Snapshot): readonly string[] {
    if (this.#removed.size === 0) return keys;
    return keys.filter((key) => !this.#removed.has(key) || !mayHold(node, key, snapshot));
  }
}

/** Whether a node may hold the current value of a key. */
function mayHold(node: Node, key: string, snapshot: Snapshot): boolean {
  const owner = ownerOf(key, snapshot);
  return owner === node || sourceOf(key, owner, snapshot) === node;
}
