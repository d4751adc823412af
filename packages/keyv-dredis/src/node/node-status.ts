import type { DRedisError } from '../errors/errors.js';
import type { Absence } from './absence.js';

/**
 * State of a node as this process sees it.
 *
 * - `up`: commands are sent.
 * - `suspect`: commands are sent, but the last one timed out.
 * - `down`: commands fail at once, and probes check the node in the background.
 * - `returning`: a probe succeeded; commands are sent again after a second successful probe and the recovery.
 */
export type NodeState = 'up' | 'suspect' | 'down' | 'returning';

/** Status of a node, for a dashboard. */
export interface NodeStatus {
  /** Name of the node. */
  readonly name: string;
  /** Its state. */
  readonly state: NodeState;
  /** Milliseconds in this state. */
  readonly durationMs: number;
  /** Why the node is not up; undefined if it is. */
  readonly reason: DRedisError | undefined;
}

/** A change of a node's state. */
export interface NodeChange {
  readonly state: NodeState;
  /** Why the node is not up; for `up`, why it was not up before. */
  readonly reason: DRedisError;
  /** Milliseconds in the previous state; for `up`, milliseconds since the node was last up. */
  readonly durationMs: number;
}

/** Which topology a process uses. */
export interface TopologyStatus {
  /** Whether the process follows the topology of all processes, or keeps to its own locations. */
  readonly mode: 'shared' | 'fixed';
  /** Why the mode is `'fixed'`; undefined if it is not. */
  readonly reason: string | undefined;
  /** Counts the changes of the topology. 0 if there was none, and if the mode is `'fixed'`. */
  readonly epoch: number;
  /** `'moving'`: entries move to new owners. */
  readonly phase: 'settled' | 'moving';
  /** Processes with the same fingerprint agree on the owner of every key. */
  readonly fingerprint: string;
  /** What the processes have decided about nodes that do not serve their keys, by name. */
  readonly states: Readonly<Record<string, Absence>>;
}

/** What this process can do if a node is lost. */
export interface FailoverStatus {
  /** Whether it takes part in a failover: nodes that it cannot use are removed from the ring. */
  readonly isPossible: boolean;
  /** Why not; undefined if it is possible. */
  readonly reason: string | undefined;
  /** Whether it reaches a majority of the nodes. Without one, all calls fail. */
  readonly hasMajority: boolean;
  /** Names of nodes that this process cannot use, but others can. Calls for their keys fail in this process. */
  readonly objectedTo: readonly string[];
  /**
   * Why this process cannot bring back a node that answers again, for example because its user may not remove the keys of
   * other namespaces. The node stays away until a process can. Undefined if it can, or if it has not tried.
   */
  readonly returnRefusal: string | undefined;
}

/** Status of a store, for a dashboard. */
export interface StoreStatus {
  /** The topology that this process uses. */
  readonly topology: TopologyStatus;
  /** What this process can do if a node is lost. */
  readonly failover: FailoverStatus;
  /** Each node's state, in the order of the locations. While entries move, also of the nodes that leave. */
  readonly nodes: readonly NodeStatus[];
}
