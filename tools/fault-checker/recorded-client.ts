import type { EventEmitter } from 'node:events';
import type { DRedisStore } from 'keyv-dredis';
import { now } from '../shared/clock.js';
import type { EventLoopDelay } from './event-loop-delay.js';
import { type Action, type Log, NODE_STATES, type NodeState, type Outcome } from './history.js';

/** One key in a call, with the value to write. */
interface KeyRequest {
  readonly key?: string;
  readonly value?: string;
}

/** Result of a call for one key. */
interface KeyResult {
  readonly outcome: Outcome;
  readonly value?: string | undefined;
}

interface PendingCall {
  readonly call: string;
  readonly action: Action;
  readonly requests: readonly KeyRequest[];
  readonly invokedAt: number;
  /** Total event loop delay when the call was invoked. */
  readonly delayBeforeMs: number;
}

/** A client for a store that records its calls and node views. Every value that it writes is unique. */
export class RecordedClient {
  readonly name: string;
  readonly #store: DRedisStore;
  readonly #log: Log;
  readonly #eventLoopDelay: EventLoopDelay;
  readonly #states = new Map<string, NodeState>();
  readonly #pending = new Set<PendingCall>();
  #valueCount = 0;

  constructor(name: string, store: DRedisStore, log: Log, eventLoopDelay: EventLoopDelay) {
    this.name = name;
    this.#store = store;
    this.#log = log;
    this.#eventLoopDelay = eventLoopDelay;
    for (const state of NODE_STATES) {
      (store as EventEmitter).on(`node:${state}`, (node: string) => this.#recordState(node, state));
    }
    // The recorded calls already contain these errors. Without a listener, the event would throw.
    store.on('error', () => undefined);
  }

  /**
   * Connects all nodes, and retries until it succeeds. After that, a node counts as up until the store emits
   * another state.
   */
  async connect(): Promise<void> {
    while (!(await isFulfilled(this.#store.connect())));
    for (const node of this.#store.nodes) if (!this.#states.has(node)) this.#recordState(node, 'up');
  }

  /** Records the keys' owners. */
  logOwners(keys: readonly string[]): void {
    const owners = Object.fromEntries(keys.map((key) => [key, this.ownerOf(key)]));
    this.#log({ type: 'owners', owners });
  }

  ownerOf(key: string): string {
    return this.#store.locate(key).node;
  }

  /** The nodes that this client does not see as up. */
  get nodesNotUp(): readonly string[] {
    return this.#store.nodes.filter((node) => this.#states.get(node) !== 'up');
  }

  get(key: string): Promise<void> {
    return this.#record('get', 'read', [{ key }], async () => [readResult(await this.#store.get(key))]);
  }

  getMany(keys: readonly string[]): Promise<void> {
    const requests = keys.map((key) => ({ key }));
    return this.#record('getMany', 'read', requests, async () =>
      (await this.#store.getMany(keys)).map(readResult),
    );
  }

  set(key: string): Promise<void> {
    const value = this.#newValue();
    return this.#record('set', 'set', [{ key, value }], async () => [
      writeResult(await this.#store.set(key, value)),
    ]);
  }

  setMany(keys: readonly string[]): Promise<void> {
    const entries = keys.map((key) => ({ key, value: this.#newValue() }));
    return this.#record('setMany', 'set', entries, async () =>
      (await this.#store.setMany(entries)).map(writeResult),
    );
  }

  delete(key: string): Promise<void> {
    return this.#record('delete', 'delete', [{ key }], async () => [
      writeResult(await this.#store.delete(key)),
    ]);
  }

  deleteMany(keys: readonly string[]): Promise<void> {
    const requests = keys.map((key) => ({ key }));
    return this.#record('deleteMany', 'delete', requests, async () =>
      (await this.#store.deleteMany(keys)).map(writeResult),
    );
  }

  clear(): Promise<void> {
    return this.#record('clear', 'clear', [{}], async () => {
      await this.#store.clear();
      return [{ outcome: 'ok' }];
    });
  }

  /** Records the calls that have not completed. */
  logPending(): void {
    for (const pending of this.#pending) this.#complete(pending, () => ({ outcome: 'pending' }));
  }

  disconnect(): Promise<void> {
    return this.#store.disconnect();
  }

  #newValue(): string {
    this.#valueCount += 1;
    return `${this.name}-${this.#valueCount}`;
  }

  #recordState(node: string, state: NodeState): void {
    this.#states.set(node, state);
    this.#log({ type: 'state', client: this.name, node, state, at: now() });
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
  value === undefined ? { outcome: 'miss' } : { outcome: 'ok', value: String(value) };

const writeResult = (done: boolean): KeyResult => ({ outcome: done ? 'ok' : 'false' });

function describeError(thrown: unknown): { error: string; failedNodes?: readonly string[] } {
  const { code, stack, nodes } = thrown as { code?: string; stack?: string; nodes?: readonly string[] };
  const error = code ?? stack ?? String(thrown);
  return nodes === undefined ? { error } : { error, failedNodes: nodes };
}

async function isFulfilled(promise: Promise<unknown>): Promise<boolean> {
  const [{ status }] = await Promise.allSettled([promise]);
  return status === 'fulfilled';
}
