import type { History, OperationEntry } from './history.js';
import { NodeViews } from './node-views.js';

/** A set, a delete, or the part of a clear that concerns one node. check-history.ts explains the terms. */
export interface Write {
  readonly operation: OperationEntry;
  /** Whether the node replied and the client saw the node as up during the whole operation. */
  readonly acknowledged: boolean;
  /** After this time, no client may read an earlier value. Infinity means never. */
  readonly settledAt: number;
  /** After this time, the next write replaces every trace of this write. Infinity means never. */
  readonly overwritableAt: number;
}

/** Computes when writes are settled. */
export class Settlement {
  readonly #views: NodeViews;
  readonly #run: History['run'];

  constructor({ run, states }: History) {
    this.#run = run;
    this.#views = new NodeViews(run.nodes, states);
  }

  settle(operation: OperationEntry, node: string): Write {
    const { client, invokedAt, completedAt } = operation;
    const replied = this.#hasReply(operation, node);
    if (replied && this.#views.wasUp(client, node, invokedAt, completedAt)) {
      return { operation, acknowledged: true, settledAt: completedAt, overwritableAt: completedAt };
    }
    if (operation.outcome === 'pending') {
      return {
        operation,
        acknowledged: false,
        settledAt: Number.POSITIVE_INFINITY,
        overwritableAt: Number.POSITIVE_INFINITY,
      };
    }
    const settledAt = this.#views.nextUp(client, node, completedAt);
    const overwritableAt = this.#overwritableAt(client, replied, settledAt);
    return { operation, acknowledged: false, settledAt, overwritableAt };
  }

  /**
   * In mode `failover`, every node except the owner can have a fallback entry of the write. The client
   * removes such an entry once it can reach the fallback node again.
   */
  #overwritableAt(client: string, replied: boolean, settledAt: number): number {
    if (this.#run.mode !== 'failover') return settledAt;
    return replied ? this.#views.nextAllUp(client, settledAt) : Number.POSITIVE_INFINITY;
  }

  /** Whether the owner or a fallback node replied. False if the operation ended because of the deadline. */
  #hasReply(operation: OperationEntry, node: string): boolean {
    const { action, outcome, invokedAt, completedAt, failedNodes } = operation;
    const inTime = this.#run.mode === 'error' || completedAt - invokedAt < this.#run.commandTimeoutMs;
    // In every mode except `error`, `false` can also mean that the node did not reply.
    if (action === 'delete') return outcome === 'ok' || (outcome === 'false' && inTime);
    if (action !== 'clear') return outcome === 'ok';
    if (outcome === 'error') return failedNodes !== undefined && !failedNodes.includes(node) && inTime;
    return outcome === 'ok' && inTime;
  }
}
