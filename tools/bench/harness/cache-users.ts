import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.js';
import type { Subject } from './contestant.js';
import { ORDER_MASK, type Workload } from './workload.js';
import { WrongResult } from './wrong-result.js';

/** What a caller does between two calls takes so long on average. */
const PAUSE_MS = 10;
const VALUE_LENGTH = 100;

export type Outcome =
  /** The value, or one that is older than a write which was acknowledged before it was asked for. */
  | 'value'
  | 'older'
  | 'miss'
  /** A read that rejected, or was told of by an `error` event. */
  | 'failed'
  | 'stored'
  /** A write that rejected, answered false, or was told of by an `error` event. */
  | 'refused';

export interface Call {
  /** Of its key. */
  readonly index: number;
  readonly startedAt: number;
  told: boolean;
}

/** What they use of it. */
type Used = Pick<Subject, 'get' | 'set' | 'onError'>;

export type CallListener = (outcome: Outcome, call: Call, endedAt: number) => void;

/**
 * Callers that use a cache as services do: nine in ten of their turns read, one in ten writes, and what a read
 * misses is written. Each value says which key it is of and which write it came with.
 */
export class CacheUsers {
  readonly keys: readonly string[];
  /** Calls that are not answered yet. */
  readonly pending = new Set<Call>();
  readonly #subject: Used;
  readonly #workload: Workload;
  readonly #listener: CallListener;
  readonly #context = new AsyncLocalStorage<Call>();
  /** For each key, how many writes of it there were, and the last one that was acknowledged. */
  readonly #written: Uint32Array;
  readonly #acknowledged: Uint32Array;
  #turn = 0;
  #over = false;
  #done: Promise<unknown> = Promise.resolve();

  constructor(subject: Used, workload: Workload, keyCount: number, listener: CallListener) {
    this.keys = workload.keys.slice(0, keyCount);
    this.#subject = subject;
    this.#workload = workload;
    this.#listener = listener;
    this.#written = new Uint32Array(keyCount);
    this.#acknowledged = new Uint32Array(keyCount);
    subject.onError?.(() => {
      const call = this.#context.getStore();
      if (call !== undefined) call.told = true;
    });
  }

  /** Rejects with WrongResult as soon as a read gives what was never written for its key. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  /** Writes every key once. */
  async fill(): Promise<void> {
    await Promise.all(this.keys.map((_, index) => this.#write(index)));
  }

  start(callerCount: number): void {
    this.#over = false;
    this.#done = Promise.all(Array.from({ length: callerCount }, () => this.#use()));
    // Whoever stops them is told.
    this.#done.catch(() => undefined);
  }

  /**
   * Lets the calls that are under way end, for so long at most. Calls that did not are in `pending`.
   *
   * @throws WrongResult when a read gave what was never written for its key
   */
  async stop(graceMs: number): Promise<void> {
    this.#over = true;
    const grace = new AbortController();
    await Promise.race([
      this.#done,
      sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
  }

  async #use(): Promise<void> {
    const { order, writes } = this.#workload;
    while (!this.#over) {
      const turn = this.#turn++ & ORDER_MASK;
      const index = (order[turn] as number) % this.keys.length;
      if (writes[turn] === 1 || (await this.#read(index)) === 'miss') await this.#write(index);
      // Not in step with the others.
      await sleep(PAUSE_MS * (0.5 + Math.random()));
    }
  }

  async #read(index: number): Promise<Outcome> {
    const atLeast = this.#acknowledged[index] as number;
    return this.#call(
      index,
      (key) => this.#subject.get(key),
      (value, told) => {
        if (told) return 'failed';
        if (value === undefined || value === null) return 'miss';
        return this.#versionOf(value, index) < atLeast ? 'older' : 'value';
      },
    );
  }

  async #write(index: number): Promise<Outcome> {
    this.#written[index] = (this.#written[index] as number) + 1;
    const version = this.#written[index] as number;
    const value = `${this.keys[index]} ${version} `.padEnd(VALUE_LENGTH, 'v');
    return this.#call(
      index,
      (key) => this.#subject.set(key, value),
      (stored, told) => {
        if (told || stored === false) return 'refused';
        this.#acknowledged[index] = Math.max(version, this.#acknowledged[index] as number);
        return 'stored';
      },
    );
  }

  async #call(
    index: number,
    send: (key: string) => Promise<unknown>,
    judge: (answer: unknown, told: boolean) => Outcome,
  ): Promise<Outcome> {
    const call: Call = { index, startedAt: now(), told: false };
    this.pending.add(call);
    let answer: unknown;
    try {
      answer = await this.#context.run(call, () => send(this.keys[index] as string));
    } catch {
      call.told = true;
    }
    this.pending.delete(call);
    const endedAt = now();
    const outcome = judge(answer, call.told);
    this.#listener(outcome, call, endedAt);
    return outcome;
  }

  /** Which write of its key a value came with. */
  #versionOf(value: unknown, index: number): number {
    const key = this.keys[index] as string;
    const version = Number(/^(\S+) (\d+) v+$/.exec(String(value))?.[2]);
    if (String(value).startsWith(`${key} `) && version >= 1 && version <= (this.#written[index] as number)) {
      return version;
    }
    throw new WrongResult(`GET ${key}`, `one of ${this.#written[index]} values`, value);
  }
}
