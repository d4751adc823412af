import type { Node, RecoveryHooks } from '../node/node.js';
import type { Hints } from './hints.js';
import type { Replay } from './replay.js';
import type { RestartDetector } from './restart.js';

/**
 * Runs before a node is used, at the first connection of a process and after each outage. Afterwards the
 * node holds no value older than a write that it missed.
 *
 * Every process does this for itself and asks all other nodes, so no lock is needed: if two processes replay
 * the same hint, or one of them late, a key is removed once too often.
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
