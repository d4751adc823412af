import { areCallsStartingOver, nextTurn } from '../node/superseded.js';
import { yieldToEventLoop } from './chunks.js';

/** A call that takes several attempts. */
interface RunningCall {
  /** See {@link nextTurn}. */
  readonly turn: number;
  /** Physical keys. */
  readonly keys: readonly string[];
  readonly isWrite: boolean;
}

/** The writes that were made before a `clear()`, and that must not reach a server after it. */
export interface EarlierWrites {
  /**
   * Waits for those that take several attempts at present. Never rejects.
   *
   * @returns whether a write has begun another attempt since the last call of this function
   */
  ended(): Promise<boolean>;
  /** Ends the observation. */
  release(): void;
}

/** The calls that take several attempts, because the topology has changed or a node was lost. */
export class RunningCalls {
  readonly #ends = new Map<RunningCall, Promise<unknown>>();
  readonly #observers = new Set<(call: RunningCall) => void>();

  /** Adds a call until it ends. */
  add(call: RunningCall, end: Promise<unknown>): void {
    for (const observe of this.#observers) observe(call);
    this.#ends.set(call, end);
    const remove = () => this.#ends.delete(call);
    end.then(remove, remove);
  }

  /** The writes of keys with a prefix that were made before now. */
  writesBefore(prefix: string): EarlierWrites {
    const now = nextTurn();
    const isEarlier = ({ turn, keys, isWrite }: RunningCall) =>
      isWrite && turn < now && keys.some((key) => key.startsWith(prefix));
    let hasBegun = false;
    const observe = (call: RunningCall) => {
      hasBegun ||= isEarlier(call);
    };
    this.#observers.add(observe);
    return {
      ended: async () => {
        // Calls that are about to start over are added in promise jobs.
        if (areCallsStartingOver()) await yieldToEventLoop();
        const ends = Array.from(this.#ends).filter(([call]) => isEarlier(call));
        const result = hasBegun;
        hasBegun = false;
        await Promise.allSettled(ends.map(([, end]) => end));
        return result;
      },
      release: () => this.#observers.delete(observe),
    };
  }
}
