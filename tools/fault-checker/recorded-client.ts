import type { EventEmitter } from 'node:events';
import type { DRedisStore } from '../../packages/keyv-dredis/src/index.js';
import { now } from '../shared/clock.js';
import type { EventLoopLateness } from './event-loop-lateness.js';
import { type Action, type Log, NODE_STATES, type NodeState, type Outcome } from './history.js';

/** One key of a call, and what the call does to it. */
interface Step {
  readonly key?: string;
  readonly value?: string;
}

/** What became of one key of a call. */
interface Ending {
  readonly outcome: Outcome;
  readonly value?: string | undefined;
}

interface PendingCall {
  readonly call: string;
  readonly action: Action;
  readonly steps: readonly Step[];
  readonly invokedAt: number;
  readonly lateBeforeMs: number;
}

/** A store whose calls are written down, and how it sees its nodes. It writes no value twice. */
export class RecordedClient {
  readonly name: string;
  readonly #store: DRedisStore;
  readonly #log: Log;
  readonly #lateness: EventLoopLateness;
  readonly #states = new Map<string, NodeState>();
  readonly #pending = new Set<PendingCall>();
  #valueCount = 0;

  constructor(name: string, store: DRedisStore, log: Log, lateness: EventLoopLateness) {
    this.name = name;
    this.#store = store;
    this.#log = log;
    this.#lateness = lateness;
    for (const state of NODE_STATES) {
      (store as EventEmitter).on(`node:${state}`, (node: string) => this.#sees(node, state));
    }
    // What it says is in the outcome of the calls.
    store.on('error', () => undefined);
  }

  /** Connects all nodes, however long it takes: from here on they are up until the store says otherwise. */
  async connect(): Promise<void> {
    while (!(await isFulfilled(this.#store.connect())));
    for (const node of this.#store.nodes) if (!this.#states.has(node)) this.#sees(node, 'up');
  }

  /** Writes down who owns what. */
  logOwners(keys: readonly string[]): void {
    const owners = Object.fromEntries(keys.map((key) => [key, this.#store.locate(key).node]));
    this.#log({ type: 'owners', owners });
  }

  get nodesAway(): readonly string[] {
    return this.#store.nodes.filter((node) => this.#states.get(node) !== 'up');
  }

  get(key: string): Promise<void> {
    return this.#record('get', 'read', [{ key }], async () => [endOfRead(await this.#store.get(key))]);
  }

  getMany(keys: readonly string[]): Promise<void> {
    const steps = keys.map((key) => ({ key }));
    return this.#record('getMany', 'read', steps, async () =>
      (await this.#store.getMany(keys)).map(endOfRead),
    );
  }

  set(key: string): Promise<void> {
    const value = this.#newValue();
    return this.#record('set', 'set', [{ key, value }], async () => [
      endOfWrite(await this.#store.set(key, value)),
    ]);
  }

  setMany(keys: readonly string[]): Promise<void> {
    const entries = keys.map((key) => ({ key, value: this.#newValue() }));
    return this.#record('setMany', 'set', entries, async () =>
      (await this.#store.setMany(entries)).map(endOfWrite),
    );
  }

  delete(key: string): Promise<void> {
    return this.#record('delete', 'delete', [{ key }], async () => [
      endOfWrite(await this.#store.delete(key)),
    ]);
  }

  deleteMany(keys: readonly string[]): Promise<void> {
    const steps = keys.map((key) => ({ key }));
    return this.#record('deleteMany', 'delete', steps, async () =>
      (await this.#store.deleteMany(keys)).map(endOfWrite),
    );
  }

  clear(): Promise<void> {
    return this.#record('clear', 'clear', [{}], async () => {
      await this.#store.clear();
      return [{ outcome: 'ok' }];
    });
  }

  /** Writes down the calls that have not ended. */
  logPending(): void {
    for (const pending of this.#pending) this.#end(pending, () => ({ outcome: 'pending' }));
  }

  disconnect(): Promise<void> {
    return this.#store.disconnect();
  }

  #newValue(): string {
    this.#valueCount += 1;
    return `${this.name}-${this.#valueCount}`;
  }

  #sees(node: string, state: NodeState): void {
    this.#states.set(node, state);
    this.#log({ type: 'state', client: this.name, node, state, at: now() });
  }

  /** Never rejects: that a call does is for the history to tell. */
  async #record(
    call: string,
    action: Action,
    steps: readonly Step[],
    send: () => Promise<readonly Ending[]>,
  ): Promise<void> {
    const lateBeforeMs = this.#lateness.totalMs();
    const pending: PendingCall = { call, action, steps, invokedAt: now(), lateBeforeMs };
    this.#pending.add(pending);
    try {
      const endings = await send();
      this.#end(pending, (index) => endings[index] as Ending);
    } catch (error) {
      this.#end(pending, () => ({ outcome: 'error' }), error);
    }
  }

  #end(pending: PendingCall, endOf: (index: number) => Ending, error?: unknown): void {
    const completedAt = now();
    this.#pending.delete(pending);
    const { call, action, steps, invokedAt, lateBeforeMs } = pending;
    const lateMs = this.#lateness.totalMs() - lateBeforeMs;
    for (const [index, step] of steps.entries()) {
      this.#log({
        type: 'operation',
        client: this.name,
        call,
        action,
        ...step,
        ...endOf(index),
        ...(error === undefined ? {} : describeError(error)),
        invokedAt,
        completedAt,
        lateMs,
      });
    }
  }
}

const endOfRead = (value: unknown): Ending =>
  value === undefined ? { outcome: 'miss' } : { outcome: 'ok', value: String(value) };

const endOfWrite = (done: boolean): Ending => ({ outcome: done ? 'ok' : 'false' });

function describeError(thrown: unknown): { error: string; failedNodes?: readonly string[] } {
  const { code, stack, nodes } = thrown as {
    code?: string;
    stack?: string;
    nodes?: readonly string[];
  };
  const error = code ?? stack ?? String(thrown);
  return nodes === undefined ? { error } : { error, failedNodes: nodes };
}

async function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  const [{ status }] = await Promise.allSettled([promise]);
  return status === 'fulfilled';
}
