import {
  ask,
  type RedisServer,
  type RedisServers,
  startCluster,
  startRedis,
  startTwemproxy,
  type Twemproxy,
} from 'redis-launcher';
import type { Contestant, Servers } from './contestant.js';
import { loadKeys } from './load-keys.js';

const CLUSTER = { masterCount: 4 };
/**
 * A cluster needs at least three masters to elect a replica. To keep the rounds short, the timeout is shorter
 * than Redis' default of 15 seconds.
 */
const REPLICATED_CLUSTER = { masterCount: 3, replicaCount: 1, nodeTimeoutMs: 2_000 };
const PROXIED_SERVER_COUNT = 4;
const FLUSH_TIMEOUT_MS = 60_000;

/** A run's servers. Each server is started when a contestant first needs it. */
export class Fleet implements AsyncDisposable {
  readonly #nodeGroups: RedisServers[] = [];
  #nodes: readonly RedisServer[] = [];
  #cluster: Promise<RedisServers> | undefined;
  #replicatedCluster: Promise<RedisServers> | undefined;
  #proxy: Promise<Twemproxy> | undefined;

  /** Returns the servers that store a contestant's keys. @throws Error if they cannot be started */
  async servers(servers: Servers): Promise<readonly RedisServer[]> {
    if (servers.kind === 'cluster') {
      this.#cluster ??= startCluster(CLUSTER);
      return (await this.#cluster).servers;
    }
    if (servers.kind === 'replicated') {
      this.#replicatedCluster ??= startCluster(REPLICATED_CLUSTER);
      return (await this.#replicatedCluster).servers;
    }
    const count = servers.kind === 'nodes' ? servers.count : PROXIED_SERVER_COUNT;
    if (this.#nodes.length < count) {
      const added = await startRedis({ count: count - this.#nodes.length });
      this.#nodeGroups.push(added);
      this.#nodes = [...this.#nodes, ...added.servers];
    }
    return this.#nodes.slice(0, count);
  }

  /** Returns the locations that a contestant connects to. @throws Error if the servers cannot be started */
  async locations(servers: Servers): Promise<readonly string[]> {
    const locations = (await this.servers(servers)).map(({ location }) => location);
    if (servers.kind !== 'twemproxy') return locations;
    this.#proxy ??= startTwemproxy({ servers: locations });
    return [(await this.#proxy).location];
  }

  /** Flushes a contestant's servers and writes keys in its namespace to them. */
  async load({ servers, prefix }: Contestant, namespace: string, keyCount: number): Promise<void> {
    const locations = (await this.servers(servers)).map(({ location }) => location);
    await Promise.all(locations.map((location) => ask(location, ['FLUSHALL', 'SYNC'], FLUSH_TIMEOUT_MS)));
    await loadKeys(locations, servers.kind === 'cluster', namespace + prefix.separator, keyCount);
  }

  async countKeys(servers: Servers): Promise<number> {
    const sizes = (await this.servers(servers)).map(({ location }) => ask(location, ['DBSIZE']));
    return (await Promise.all(sizes)).map(Number).reduce((sum, size) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = await Promise.allSettled([this.#cluster, this.#replicatedCluster, this.#proxy]);
    const started = others.flatMap((other) =>
      other.status === 'fulfilled' && other.value ? [other.value] : [],
    );
    await Promise.all([...this.#nodeGroups, ...started].map((group) => group.stop()));
  }
}
