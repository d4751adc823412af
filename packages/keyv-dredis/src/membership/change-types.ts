import type { RecordedNode } from './record.js';

/** How a change is carried out. */
export interface ChangeRunOptions {
  /** Called often while keys move. If it throws, the change goes on. */
  readonly onProgress?: (progress: ChangeProgress) => void;
  /** Stops moving. The change stays unfinished, and can be resumed. */
  readonly signal?: AbortSignal;
  /** Limit for all nodes together. @default no limit */
  readonly maxKeysPerSecond?: number;
}

/** How far one node is. */
export interface SourceProgress {
  /** Name of the node. */
  readonly node: string;
  /** Fraction of its keys that were looked at, from 0 to 1. */
  readonly fraction: number;
  /** Number of keys that have left the node. */
  readonly movedCount: number;
  /** Number of keys that were looked at. */
  readonly seenCount: number;
  /** Whether all keys of the node were looked at. */
  readonly isDone: boolean;
}

/** How far a change is. */
export interface ChangeProgress {
  /** `sweeping`: old keys are removed from nodes that will get keys. */
  readonly phase: 'sweeping' | 'moving' | 'settled';
  /** Epoch of the topology at the moment. */
  readonly epoch: number;
  /** The nodes that lose keys. */
  readonly sources: readonly SourceProgress[];
  /** Number of keys that this call has moved. */
  readonly movedCount: number;
  /** Average since keys began to move. */
  readonly keysPerSecond: number;
  /** Estimated time until the end of the phase; undefined if there is no estimate yet. */
  readonly remainingMs?: number | undefined;
}

/** What a change has done. */
export interface ChangeSummary {
  /** Epoch at the end. */
  readonly epoch: number;
  /** The nodes before the change. */
  readonly before: readonly RecordedNode[];
  /** The nodes after the change. */
  readonly after: readonly RecordedNode[];
  /** Number of keys that this call has moved. Stores move other keys when they read them. */
  readonly movedCount: number;
  /** Keys that stay where they are because they are not strings. */
  readonly skippedCount: number;
  /** Old keys that were removed from nodes that did not own them. */
  readonly sweptCount: number;
  /** In milliseconds. */
  readonly durationMs: number;
  /** Whether the signal has stopped the change before its end. */
  readonly isStopped: boolean;
}

/** Options of `reshard()`. */
export interface ReshardOptions extends ChangeRunOptions {
  /**
   * Whether to start although processes are connected that cannot follow the change. Until they end, they read old
   * values, and others do not see what they write. @default false
   */
  readonly force?: boolean;
}
