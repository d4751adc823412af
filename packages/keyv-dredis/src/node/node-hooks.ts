import type { DRedisError } from '../errors/errors.js';
import type { NodeChange } from './node-status.js';

/** Time limits of a node, in milliseconds. */
export interface NodeOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly disconnectTimeoutMs: number;
  readonly maxRetryDelayMs: number;
}

/** Is told about a node. */
export interface NodeListener {
  /** The node's state has changed. */
  changed(node: string, change: NodeChange): void;
  /** An error that rejects no promise. */
  failed(error: DRedisError): void;
}

/** What other parts do when a node is opened. Its type parameter avoids an import of Node, which imports this. */
export interface NodeHooks<Node> {
  /**
   * Runs after each connect, before commands are sent.
   *
   * @throws DRedisError if the node is lost
   */
  beforeServing(node: Node): Promise<void>;
  /**
   * Sets {@link Node.epoch}. Runs when the topology record may have changed, and before commands are sent.
   *
   * @throws DRedisError if the node is lost
   */
  synchronize(node: Node): Promise<void>;
  /** Runs when the node can be used, after each attempt to open it. */
  opened(node: Node): void;
  /** Runs when the node cannot be connected, before its calls fail. Never rejects. */
  unreachable(node: Node): Promise<void>;
  /** Whether calls that have lost the node start over, because other nodes are going to serve its keys. */
  startsOver(node: Node): boolean;
}
