import type { Node, RecoveryHooks } from '../node/node.js';
import type { Hints } from './hints.js';
import type { Replay } from './replay.js';
import type { RestartDetector } from './restart.js';

/**
 * Runs before a node is used: when a process first connects to the node, and after each outage. Afterwards,
 * the node holds no value that a missed write should have replaced.
 *
 * Every process recovers a node for itself, and asks all other nodes for hints. No lock is needed. If two
 * processes replay the same hint, or one of them replays it late, the worst result is that a key is removed
 * although its value is current.
 */
export class Recovery implements RecoveryHooks {
  readonly #restarts: RestartDetector;
  readonly #replay: Replay;
  readonly #hints: Hints;

  constructor(restarts: RestartDetector, replay: Replay, hints: Hints) {
    this.#restarts = restarts;
    this.#replay = replay;
    this.#hints = hints;
  }

  async beforeServing(node: Node, hasWaiters: boolean): Promise<void> {
    await this.#restarts.detectRestart(node);
    if (this.#hints.enabled) await this.#replay.replayHints(node, hasWaiters);
  }

  invalidateMissed(node: Node): Promise<void> {
    return this.#replay.invalidateMissed(node);
  }
}
