import { NodeUnavailableError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import type { ServingGate } from '../sharding/start-over.js';
import { isClosed, type Snapshot } from '../sharding/topology.js';
import type { Signal } from './signal.js';
import type { TimeLease } from './time-lease.js';

/** How long a call waits before it looks again, in milliseconds, if nothing tells it that something has changed. */
const MAX_WAIT_MS = 250;

/** Pause between two renewals of the lease, in milliseconds. */
const RETRY_MS = 20;

export interface TopologyGateOptions {
  readonly lease: TimeLease;
  /** Notified when nodes, the topology or the lease change. */
  readonly signal: Signal;
  /** Whether this process follows the topology of all processes. */
  readonly isShared: () => boolean;
  /** Whether calls wait while nobody serves the keys of a node. Otherwise, they fail. */
  readonly waits: boolean;
  /** Whether a node that this process cannot use is going to be replaced. */
  readonly isReplaced: (node: Node) => boolean;
}

/** Lets calls pass as the topology of all processes allows. */
export class TopologyGate implements ServingGate {
  readonly #options: TopologyGateOptions;

  constructor(options: TopologyGateOptions) {
    this.#options = options;
  }

  isShut(node: Node, snapshot: Snapshot): boolean {
    const { lease, isShared, isReplaced } = this.#options;
    if (!isShared()) return false;
    return (
      isClosed(node, snapshot) || !lease.isHeldForCall(snapshot) || (!node.isAvailable && isReplaced(node))
    );
  }

  async opened(node: Node, snapshot: Snapshot): Promise<void> {
    const { lease, signal, waits } = this.#options;
    if (isClosed(node, snapshot)) {
      if (waits) return signal.next(MAX_WAIT_MS);
      const state = snapshot.absences.get(node);
      throw unavailable(node, node.status.reason ?? new Error(`it is ${state}`));
    }
    if (lease.isHeld(snapshot)) return signal.next(MAX_WAIT_MS);
    if (!lease.hasFailed) {
      if (await lease.renew()) return;
      // The replies are late, but may still come in time for the call.
      if (!lease.hasFailed) return signal.next(RETRY_MS);
    }
    const { reason } = node.status;
    throw unavailable(node, node.isAvailable || reason === undefined ? lease.failure() : reason);
  }
}

/** The error for a call that is not sent. A reason such as a timeout is an error of earlier calls. */
function unavailable(node: Node, reason: Error): NodeUnavailableError {
  return reason instanceof NodeUnavailableError ? reason : new NodeUnavailableError(node.name, reason);
}
