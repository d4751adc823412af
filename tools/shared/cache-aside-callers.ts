import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.js';
import type { Load } from './workload.js';
import { WrongResult } from './wrong-result.js';

/** A caller's average pause between two calls. */
const PAUSE_MS = 10;
const VALUE_LENGTH = 100;

/** The result of a call. */
export type Outcome =
  /** A read returned the latest acknowledged value, or a newer one. */
  | 'value'
  /** A read returned a value that is older than a value acknowledged before the read started. */
  | 'stale'
  | 'miss'
  /** A read rejected, or emitted an `error` event. */
  | 'failed'
  | 'stored'
  /** A write rejected, returned false, or emitted an `error` event. */
  | 'refused';

export interface Call {
  /** Index of the key. */
  readonly index: number;
  readonly startedAt: number;
  hasError: boolean;
}

/** The part of a cache that the callers use. */
export interface Cache {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  /** Listens to `error` events. The events must be emitted in the failed call's asynchronous context. */
  onError?(listener: () => void): void;
}

/** The value that callers write for a key. */
export const versionedValue = (key: string, version: number) =>
  `${key} ${version} `.padEnd(VALUE_LENGTH, 'v');

export type CallListener = (outcome: Outcome, call: Call, endedAt: number) => void;

/**
 * Simulates the callers of a service with a cache-aside cache. Nine of ten calls are reads, and one is a
 * write. After a miss, the caller writes the key. Each value contains its key and a version number, so that
 * stale values and values of other keys are detected.
 */
export class CacheAsideCallers {
  readonly keys: readonly string[];
  /** Calls in flight. */
  readonly pending = new Set<Call>();
  readonly #cache: Cache;
  readonly #load: Load;
  readonly #listener: CallListener;
  readonly #currentCall = new AsyncLocalStorage<Call>();
  /** Per key: the version of the last write that was sent. */
  readonly #sentVersions: Uint32Array;
  /** Per key: the highest version that was acknowledged. */
  readonly #acknowledgedVersions: Uint32Array;
  #turn = 0;
  #isStopped = false;
  #done: Promise<unknown> = Promise.resolve();

  constructor(cache: Cache, load: Load, keyCount: number, listener: CallListener) {
    this.keys = load.keys.slice(0, keyCount);
    this.#cache = cache;
    this.#load = load;
    this.#listener = listener;
    this.#sentVersions = new Uint32Array(keyCount);
    this.#acknowledgedVersions = new Uint32Array(keyCount);
    cache.onError?.(() => {
      const call = this.#currentCall.getStore();
      if (call !== undefined) call.hasError = true;
    });
  }

  /**
   * Resolves when all callers have stopped. Rejects with WrongResult as soon as a read returns a value that
   * was never written for its key.
   */
  get done(): Promise<unknown> {
    return this.#done;
  }

  /** Writes every key once. */
  async fill(): Promise<void> {
    await Promise.all(this.keys.map((_, index) => this.#write(index)));
  }

  /** Tells that every key holds its first version, which something else has written. */
  assumeFilled(): void {
    this.#sentVersions.fill(1);
    this.#acknowledgedVersions.fill(1);
  }

  start(callerCount: number): void {
    this.#isStopped = false;
    this.#done = Promise.all(Array.from({ length: callerCount }, () => this.#runCaller()));
    // stop() rethrows the error. Until then, Node.js must not treat the error as an unhandled rejection.
    this.#done.catch(() => undefined);
  }

  /**
   * Stops the callers, so that they start no new calls, and waits up to `graceMs` for calls in flight. Calls
   * that take longer stay in `pending`.
   *
   * @throws WrongResult if a read returned a value that was never written for its key
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    const grace = new AbortController();
    await Promise.race([
      this.#done,
      sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
  }

  async #runCaller(): Promise<void> {
    const { order, writes } = this.#load;
    while (!this.#isStopped) {
      const turn = this.#turn++ % order.length;
      const index = (order[turn] as number) % this.keys.length;
      if (writes[turn] === 1 || (await this.#read(index)) === 'miss') await this.#write(index);
      // The random part keeps the callers from running in lockstep.
      await sleep(PAUSE_MS * (0.5 + Math.random()));
    }
  }

  async #read(index: number): Promise<Outcome> {
    const acknowledgedAtStart = this.#acknowledgedVersions[index] as number;
    return this.#call(
      index,
      (key) => this.#cache.get(key),
      (value, hasError) => {
        if (hasError) return 'failed';
        if (value === undefined || value === null) return 'miss';
        return this.#versionOf(value, index) < acknowledgedAtStart ? 'stale' : 'value';
      },
    );
  }

  async #write(index: number): Promise<Outcome> {
    const version = (this.#sentVersions[index] as number) + 1;
    this.#sentVersions[index] = version;
    const value = versionedValue(this.keys[index] as string, version);
    return this.#call(
      index,
      (key) => this.#cache.set(key, value),
      (stored, hasError) => {
        if (hasError || stored === false) return 'refused';
        this.#acknowledgedVersions[index] = Math.max(version, this.#acknowledgedVersions[index] as number);
        return 'stored';
      },
    );
  }

  async #call(
    index: number,
    send: (key: string) => Promise<unknown>,
    toOutcome: (result: unknown, hasError: boolean) => Outcome,
  ): Promise<Outcome> {
    const call: Call = { index, startedAt: now(), hasError: false };
    this.pending.add(call);
    let result: unknown;
    try {
      result = await this.#currentCall.run(call, () => send(this.keys[index] as string));
    } catch {
      call.hasError = true;
    }
    this.pending.delete(call);
    const endedAt = now();
    const outcome = toOutcome(result, call.hasError);
    this.#listener(outcome, call, endedAt);
    return outcome;
  }

  /** @throws WrongResult if the value was never written for this key */
  #versionOf(value: unknown, index: number): number {
    const key = this.keys[index] as string;
    const sentVersion = this.#sentVersions[index] as number;
    const version = Number(/^(\S+) (\d+) v+$/.exec(String(value))?.[2]);
    if (String(value).startsWith(`${key} `) && version >= 1 && version <= sentVersion) return version;
    throw new WrongResult(`GET ${key}`, `one of ${sentVersion} values`, value);
  }
}
