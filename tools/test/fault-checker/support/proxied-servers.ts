import { HashRing } from 'hash-ring';
import { DRedisStore, type DRedisStoreOptions, type LocationOptions } from 'keyv-dredis';
import { ask, type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { until } from '../../../../packages/keyv-dredis/test/support/until.js';
import { checkHistory } from '../../../fault-checker/check-history.js';
import { EventLoopDelay } from '../../../fault-checker/event-loop-delay.js';
import { FaultyProxy, type NetworkCondition } from '../../../fault-checker/faulty-proxy.js';
import { type Entry, type OperationEntry, type RunEntry, toHistory } from '../../../fault-checker/history.js';
import { type Part, StoreWithout } from '../../../fault-checker/negative-controls.js';
import { type CheckedStore, RecordedClient } from '../../../fault-checker/recorded-client.js';
import { now } from '../../../shared/clock.js';

export const NODES = ['one', 'two', 'three', 'four'] as const;
export type NodeName = (typeof NODES)[number];

const NAMESPACE = 'control';
/** Longer than a failover takes, so that calls wait for it. */
const COMMAND_TIMEOUT_MS = 10_000;
/** Nodes that answer again are used soon. */
const MAX_RETRY_DELAY_MS = 100;

/** A client, and its network link to each server. */
export interface ProxiedClient {
  readonly client: RecordedClient;
  setLink(node: NodeName, type: Exclude<NetworkCondition['type'], 'delay'>): void;
  /** Delays requests and replies. */
  delayLink(node: NodeName, delayMs: number): void;
}

/** Four servers. Each client has a link of its own to each of them. */
export class ProxiedServers {
  readonly #redis: RedisServers;
  readonly #eventLoopDelay = new EventLoopDelay();
  #entries: Entry[] = [];
  #clients: RecordedClient[] = [];
  #proxies: FaultyProxy[] = [];

  private constructor(redis: RedisServers) {
    this.#redis = redis;
  }

  static async start(): Promise<ProxiedServers> {
    return new ProxiedServers(await startRedis({ count: NODES.length }));
  }

  stop(): Promise<void> {
    return this.#redis.stop();
  }

  /** Begins a history, with empty servers. */
  async begin(): Promise<void> {
    const run: RunEntry = {
      type: 'run',
      seed: 'none',
      mode: 'failover',
      restartPolicy: 'purge',
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      nodes: NODES,
      clockRates: {},
      startedAt: now(),
    };
    this.#entries = [run];
    for (const location of this.#redis.locations) await ask(location, ['FLUSHALL']);
  }

  /** Ends a history, with all its clients. */
  async end(): Promise<void> {
    // No client has to wait for replies that are held back.
    for (const proxy of this.#proxies) proxy.condition = { type: 'cut' };
    await Promise.all(this.#clients.splice(0).map((client) => client.disconnect()));
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  /** Connects a client. Resolves when a failover is possible. */
  async open(
    name: string,
    { leftOut, ...more }: DRedisStoreOptions & { readonly leftOut?: Part | undefined },
  ): Promise<ProxiedClient> {
    const proxies = new Map<NodeName, FaultyProxy>();
    for (const [index, node] of NODES.entries()) {
      proxies.set(node, await FaultyProxy.start(this.#redis.servers[index] as RedisServer));
    }
    this.#proxies.push(...proxies.values());
    const locations = Array.from(
      proxies,
      ([node, { port }]): LocationOptions => ({ name: node, host: '127.0.0.1', port }),
    );
    const options: DRedisStoreOptions = {
      namespace: NAMESPACE,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      maxRetryDelayMs: MAX_RETRY_DELAY_MS,
      ...more,
    };
    const store: CheckedStore =
      leftOut === undefined
        ? new DRedisStore(locations, options)
        : new StoreWithout(leftOut, locations, options);
    const client = new RecordedClient(
      name,
      store,
      (entry) => this.#entries.push(entry),
      this.#eventLoopDelay,
    );
    this.#clients.push(client);
    await client.connect();
    const link = (node: NodeName) => proxies.get(node) as FaultyProxy;
    return {
      client,
      setLink: (node, type) => {
        link(node).condition = { type };
      },
      delayLink: (node, delayMs) => {
        link(node).condition = { type: 'delay', delayMs };
      },
    };
  }

  /** How many commands of a name a server has executed. */
  async callCount(node: NodeName, command: string): Promise<number> {
    const location = this.#redis.locations[NODES.indexOf(node)] as string;
    const info = await ask(location, ['INFO', 'commandstats']);
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
  }

  /** The last call: who has called what, and the value or the outcome. */
  get lastCall(): string {
    const { client, call, outcome, value } = this.#entries.findLast(
      (entry): entry is OperationEntry => entry.type === 'operation',
    ) as OperationEntry;
    return `${client} ${call}() ${outcome}${value === undefined ? '' : ` ${value}`}`;
  }

  /** What the fault checker finds. */
  get violations(): string[] {
    const { violations } = checkHistory(toHistory(this.#entries));
    return violations.map(({ rule, message }) => `${rule}: ${message}`);
  }
}

/** Waits until the clients know that a node is away. */
export function untilAway(node: NodeName, ...clients: ProxiedClient[]): Promise<void> {
  return until(() => clients.every(({ client }) => client.problems.includes(`${node} is away`)));
}

/** Waits until the clients can use all nodes, and know that all serve their keys, and that no entries move. */
export function untilAllServe(...clients: ProxiedClient[]): Promise<void> {
  return until(() => clients.every(({ client }) => client.problems.length === 0));
}

/** A key that a node owns, and that another node owns while the first one is away. */
export function keyWithSubstitute(owner: NodeName, substitute: NodeName): string {
  const all = new HashRing([...NODES]);
  const rest = new HashRing(NODES.filter((name) => name !== owner));
  for (let number = 0; ; number += 1) {
    const physical = `${NAMESPACE}:key-${number}`;
    if (all.get(physical) === owner && rest.get(physical) === substitute) return `key-${number}`;
  }
}
