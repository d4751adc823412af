import type { History, OperationEntry } from './history.js';
import { NodeViews } from './node-views.js';

/** A write, delete or clear, as far as one node is concerned. */
export interface Write {
  readonly operation: OperationEntry;
  /** The node itself has answered it, and its client saw the node up all the while. */
  readonly acknowledged: boolean;
  /** From when on it holds for every client: nobody may read what was there before it. Infinity: never. */
  readonly settledAt: number;
  /** From when on nothing that is left of it can appear any more once it is overwritten. Infinity: never. */
  readonly doneAt: number;
}

/** Says when writes are settled; check-history.ts says why so. */
export class Settlement {
  readonly #views: NodeViews;
  readonly #run: History['run'];

  constructor({ run, states }: History) {
    this.#run = run;
    this.#views = new NodeViews(run.nodes, states);
  }

  of(operation: OperationEntry, node: string): Write {
    const { client, invokedAt, completedAt } = operation;
    const answered = this.#wasAnswered(operation, node);
    if (answered && this.#views.wasUp(client, node, invokedAt, completedAt)) {
      return { operation, acknowledged: true, settledAt: completedAt, doneAt: completedAt };
    }
    if (operation.outcome === 'pending') {
      return {
        operation,
        acknowledged: false,
        settledAt: Number.POSITIVE_INFINITY,
        doneAt: Number.POSITIVE_INFINITY,
      };
    }
    const settledAt = this.#views.nextUp(client, node, completedAt);
    return { operation, acknowledged: false, settledAt, doneAt: this.#doneAt(client, answered, settledAt) };
  }

  /** A client with failover may have left a copy on any other node, which it can only remove when it reaches it. */
  #doneAt(client: string, answered: boolean, settledAt: number): number {
    if (this.#run.mode !== 'failover') return settledAt;
    return answered ? this.#views.nextAllUp(client, settledAt) : Number.POSITIVE_INFINITY;
  }

  /** Whether somebody has answered, and not just the deadline. */
  #wasAnswered(operation: OperationEntry, node: string): boolean {
    const { action, outcome, invokedAt, completedAt, failedNodes } = operation;
    const inTime = this.#run.mode === 'error' || completedAt - invokedAt < this.#run.commandTimeoutMs;
    // Where a node that is down is not an error, false may mean that, or that there was nothing to delete.
    if (action === 'delete') return outcome === 'ok' || (outcome === 'false' && inTime);
    if (action !== 'clear') return outcome === 'ok';
    if (outcome === 'error') return failedNodes !== undefined && !failedNodes.includes(node) && inTime;
    return outcome === 'ok' && inTime;
  }
}
