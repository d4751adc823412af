import type { EventEmitter } from 'node:events';
import type { DRedisStore } from 'keyv-dredis';
import { now } from '../shared/clock.js';
import type { EventLoopDelay } from './event-loop-delay.js';
import {
  type Action,
  FINAL_READ,
  type Log,
  NODE_STATES,
  type NodeState,
  type Outcome,
  type RecordedState,
  type TopologyEntry,
} from './history.js';

/** The parts of a store that the checker uses. A negative control is such a store, too. */
export type CheckedStore = Omit<DRedisStore, 'withNamespace'>;

const LONG_VALUE_INTERVAL = 40;
const PADDING = 'x'.repeat(70_000);

/** Argument of the store's topology events. */
interface TopologyEvent {
  readonly epoch: number;
  readonly nodes: readonly string[];
  readonly previous?: readonly string[] | undefined;
  readonly fingerprint: string;
  readonly states?: Readonly<Record<string, RecordedState>> | undefined;
}

/** One key in a call, with the value to write. */
interface KeyRequest {
  readonly key?: string;
  readonly value?: string;
}

/** Result of a call for one key. */
interface KeyResult {
  readonly outcome: Outcome;
  readonly value?: string | undefined;
  readonly error?: string | undefined;
}

interface PendingCall {
  readonly call: string;
  readonly action: Action;
  readonly requests: readonly KeyRequest[];
  readonly invokedAt: number;
  /** Total event loop delay when the call was invoked. */
  readonly delayBeforeMs: number;
}

/**
 * A client for a store that records its calls, node views and topologies. Every value that it writes is unique. Some
 * values are long, because these move in another way.
 */
export class RecordedClient {
  readonly name: string;
  readonly #store: CheckedStore;
  readonly #log: Log;
  readonly #eventLoopDelay: EventLoopDelay;
  readonly #pending = new Set<PendingCall>();
  #valueCount = 0;
  #errorCount = 0;
  #lastError: unknown;
  /** The nodes that are not in, as the topology record tells. */
  #recordedStates: Readonly<Record<string, RecordedState>> = {};

  constructor(name: string, store: CheckedStore, log: Log, eventLoopDelay: EventLoopDelay) {
    this.name = name;
    this.#store = store;
    this.#log = log;
    this.#eventLoopDelay = eventLoopDelay;
    for (const state of NODE_STATES) {
      (store as EventEmitter).on(`node:${state}`, (node: string) => this.#recordState(node, state));
    }
    for (const event of ['topology:changed', 'topology:moving'] as const) {
      (store as EventEmitter).on(event, (topology: TopologyEvent) => this.#recordTopology(topology));
    }
    // Without a listener, the event would throw. Most errors reject a call, which is recorded.
    store.on('error', (error) => {
      this.#errorCount += 1;
      this.#lastError = error;
    });
  }

  /** Connects all nodes, and retries until it succeeds. */
  async connect(): Promise<void> {
    while (!(await isFulfilled(this.#store.connect())));
  }

  /** What this client still waits for, after faults: nodes that are not up or not in, and entries that move. */
  get problems(): readonly string[] {
    const { nodes, topology } = this.#store.status();
    const notUp = nodes.filter(({ state }) => state !== 'up').map(({ name, state }) => `${name} is ${state}`);
    const notIn = Object.entries(this.#recordedStates).map(([name, state]) => `${name} is ${state}`);
    const moving = topology.phase === 'moving' ? ['entries move'] : [];
    return [...new Set([...notUp, ...notIn, ...moving])];
  }

  get(key: string): Promise<void> {
    return this.#record('get', 'read', [{ key }], async () => [readResult(await this.#store.get(key))]);
  }

  getMany(keys: readonly string[]): Promise<void> {
    const requests = keys.map((key) => ({ key }));
    return this.#record('getMany', 'read', requests, () => this.#readMany(keys));
  }

  has(key: string): Promise<void> {
    return this.#record('has', 'has', [{ key }], async () => [
      { outcome: (await this.#store.has(key)) ? 'ok' : 'miss' },
    ]);
  }

  set(key: string): Promise<void> {
    const value = this.#newValue();
    return this.#record('set', 'set', [{ key, value }], async () => [
      writeResult(await this.#store.set(key, this.#padded(value))),
    ]);
  }

  setMany(keys: readonly string[]): Promise<void> {
    const entries = keys.map((key) => ({ key, value: this.#newValue() }));
    const stored = entries.map(({ key, value }) => ({ key, value: this.#padded(value) }));
    return this.#record('setMany', 'set', entries, () => this.#writeMany(() => this.#store.setMany(stored)));
  }

  delete(key: string): Promise<void> {
    return this.#record('delete', 'delete', [{ key }], async () => [
      writeResult(await this.#store.delete(key)),
    ]);
  }

  deleteMany(keys: readonly string[]): Promise<void> {
    const requests = keys.map((key) => ({ key }));
    return this.#record('deleteMany', 'delete', requests, () =>
      this.#writeMany(() => this.#store.deleteMany(keys)),
    );
  }

  clear(): Promise<void> {
    return this.#record('clear', 'clear', [{}], async () => {
      await this.#store.clear();
      return [{ outcome: 'ok' }];
    });
  }

  /** Reads all keys when no client writes any more, so that all clients must read the same values. */
  async finalRead(keys: readonly string[]): Promise<void> {
    const requests = keys.map((key) => ({ key }));
    await this.#record(FINAL_READ, 'read', requests, () => this.#readMany(keys));
    const { epoch, phase, fingerprint } = this.#store.status().topology;
    const states = this.#recordedStates;
    const nodes = [...this.#store.nodes];
    this.#logTopology({ epoch, phase, fingerprint, nodes, states, isFinal: true });
  }

  /** Records the calls that have not completed. */
  logPending(): void {
    for (const pending of this.#pending) this.#complete(pending, () => ({ outcome: 'pending' }));
  }

  disconnect(): Promise<void> {
    return this.#store.disconnect();
  }

  /** If some nodes fail, a multi-key call emits errors, and does not tell which keys are concerned. */
  async #callMany<T>(
    call: () => Promise<readonly T[]>,
    resultOf: (value: T) => KeyResult,
    isDoubtful: (value: T) => boolean,
  ): Promise<readonly KeyResult[]> {
    const errorCount = this.#errorCount;
    const values = await call();
    const hasFailed = this.#errorCount > errorCount;
    return values.map((value) =>
      hasFailed && isDoubtful(value) ? failure(this.#lastError) : resultOf(value),
    );
  }

  #readMany(keys: readonly string[]): Promise<readonly KeyResult[]> {
    return this.#callMany(
      () => this.#store.getMany(keys),
      readResult,
      (value) => value === undefined,
    );
  }

  #writeMany(write: () => Promise<readonly boolean[]>): Promise<readonly KeyResult[]> {
    return this.#callMany(write, writeResult, (done) => !done);
  }

  #newValue(): string {
    this.#valueCount += 1;
    return `${this.name}-${this.#valueCount}`;
  }

  /** Some values are too long for one script of a change. */
  #padded(value: string): string {
    return this.#valueCount % LONG_VALUE_INTERVAL === 0 ? `${value} ${PADDING}` : value;
  }

  #recordState(node: string, state: NodeState): void {
    this.#log({ type: 'state', client: this.name, node, state, at: now() });
  }

  #recordTopology({ epoch, nodes, previous, fingerprint, states = {} }: TopologyEvent): void {
    this.#recordedStates = states;
    const phase = previous === undefined ? 'settled' : 'moving';
    this.#logTopology({ epoch, phase, fingerprint, nodes, states, isFinal: false });
  }

  #logTopology(topology: Omit<TopologyEntry, 'type' | 'client' | 'at'>): void {
    this.#log({ type: 'topology', client: this.name, ...topology, at: now() });
  }

  /** Never rejects. If the call fails, its error is recorded. */
  async #record(
    call: string,
    action: Action,
    requests: readonly KeyRequest[],
    send: () => Promise<readonly KeyResult[]>,
  ): Promise<void> {
    const delayBeforeMs = this.#eventLoopDelay.totalMs();
    const pending: PendingCall = { call, action, requests, invokedAt: now(), delayBeforeMs };
    this.#pending.add(pending);
    try {
      const results = await send();
      this.#complete(pending, (index) => results[index] as KeyResult);
    } catch (error) {
      this.#complete(pending, () => ({ outcome: 'error' }), error);
    }
  }

  #complete(pending: PendingCall, resultOf: (index: number) => KeyResult, error?: unknown): void {
    const completedAt = now();
    this.#pending.delete(pending);
    const { call, action, requests, invokedAt, delayBeforeMs } = pending;
    const eventLoopDelayMs = this.#eventLoopDelay.totalMs() - delayBeforeMs;
    for (const [index, request] of requests.entries()) {
      this.#log({
        type: 'operation',
        client: this.name,
        call,
        action,
        ...request,
        ...resultOf(index),
        ...(error === undefined ? {} : describeError(error)),
        invokedAt,
        completedAt,
        eventLoopDelayMs,
      });
    }
  }
}

const readResult = (value: unknown): KeyResult =>
  value === undefined ? { outcome: 'miss' } : { outcome: 'ok', value: String(value).split(' ')[0] as string };

const writeResult = (done: boolean): KeyResult => ({ outcome: done ? 'ok' : 'false' });

const failure = (thrown: unknown): KeyResult => ({ outcome: 'error', error: describeError(thrown).error });

function describeError(thrown: unknown): { error: string; failedNodes?: readonly string[] } {
  const { code, stack, nodes } = thrown as { code?: string; stack?: string; nodes?: readonly string[] };
  const error = code ?? stack ?? String(thrown);
  return nodes === undefined ? { error } : { error, failedNodes: nodes };
}

async function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  const [{ status }] = await Promise.allSettled([promise]);
  return status === 'fulfilled';
}
