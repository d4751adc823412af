import { MIN_VOTERS, type Topology } from '../sharding/topology.js';
import { timers } from '../timers.js';
import type { Proposals } from './proposals.js';
import type { Signal } from './signal.js';

const POLL_MS = 50;

export interface VoterStatesOptions {
  readonly topology: Topology;
  readonly proposals: Proposals;
  readonly signal: Signal;
}

/**
 * Lets the nodes vote while all of them answer. A server that has never voted, or has lost its votes, can only vote once
 * enough of the others have told what they know. So later, when one node is lost, the others can decide.
 */
export class VoterStates {
  readonly #options: VoterStatesOptions;
  /** Number of new connections. Their servers may have no state as voters. */
  #connectCount = 0;
  /** That number when all nodes could vote. */
  #initialisedCount = 0;

  constructor(options: VoterStatesOptions) {
    this.#options = options;
  }

  get isComplete(): boolean {
    return this.#initialisedCount === this.#connectCount;
  }

  /** A node has a new connection. */
  connected(): void {
    this.#connectCount += 1;
  }

  /** @throws DRedisError */
  async initialise(): Promise<void> {
    const { proposals, topology } = this.#options;
    const { voters, epoch } = topology.snapshot;
    const [first = []] = voters;
    if (this.isComplete || first.length < MIN_VOTERS) return;
    if (!first.every((node) => node.isRecovered && node.epoch === epoch)) return;
    const count = this.#connectCount;
    if (await proposals.initialiseVoters()) this.#initialisedCount = count;
  }

  /** Resolves once all nodes can vote. @param isTrying whether somebody calls {@link VoterStates.initialise} */
  async complete(isTrying: () => boolean, maxMs: number): Promise<void> {
    const endsAt = timers.now() + maxMs;
    while (isTrying() && !this.isComplete && timers.now() < endsAt) {
      await this.#options.signal.next(POLL_MS);
    }
  }
}
