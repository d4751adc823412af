import type { NodeDescription } from '../config/locations.js';
import type { ChangeRunOptions, ChangeSummary } from './change-types.js';
import type { RecordedNode } from './record.js';

export type * from './change-types.js';

/**
 * A node after the change. A node that is new needs the complete description, as `parseLocations` returns it. A
 * present node needs only its name and its new weight.
 */
export type Target = Pick<NodeDescription, 'name' | 'weight'> & Partial<NodeDescription>;

export interface PlanOptions {
  /**
   * Names of nodes that are gone for good. They are not asked, and their keys become misses. They must not be in
   * the target.
   */
  readonly lost?: ReadonlySet<string>;
  /** Whether to start although connected processes cannot be told, see {@link Plan.unmanaged}. @default false */
  readonly force?: boolean;
}

/** A connection of a store that does not follow changes, or that has other nodes. */
export interface UnmanagedConnection {
  readonly node: string;
  /** Address of the process, as the node sees it. */
  readonly address: string;
  /** The connection's name in CLIENT LIST. */
  readonly name: string;
  /** `not-told`: it does not follow the record. `other-ring`: its nodes or weights differ from the present ones. */
  readonly reason: 'not-told' | 'other-ring';
}

/** Keys that move from one node to another. */
export interface PlannedMove {
  readonly from: string;
  readonly to: string;
  /** Fraction of all keys, from 0 to 1. */
  readonly fraction: number;
}

/** A change that has passed all checks. Nothing was written. */
export interface Plan {
  /** Epoch of the present record; 0 without a record. */
  readonly epoch: number;
  readonly before: readonly RecordedNode[];
  readonly after: readonly RecordedNode[];
  /** Largest first. If an unfinished change is finished first, counted from its end. */
  readonly movement: readonly PlannedMove[];
  /** Connected processes that cannot be told. Empty unless the change was forced. */
  readonly unmanaged: readonly UnmanagedConnection[];
  /** Whether an unfinished change is finished first. */
  readonly isResume: boolean;
  /** Whether there is nothing to do: the nodes are as wanted, and no change is unfinished. */
  readonly isNoop: boolean;
  /**
   * Carries out the change.
   *
   * @throws ChangeLostError if another process has decided a change meanwhile
   * @throws ChangeIncompleteError if the change stopped before its end. It can be resumed.
   */
  run(options?: ChangeRunOptions): Promise<ChangeSummary>;
}
