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

const CLUSTER_MASTERS = 4;
/** The least by which a replica can take over, and sooner than Redis' default of 15 s. */
const REPLICATED = { masterCount: 3, replicaCount: 1, nodeTimeoutMs: 2_000 };
const PROXIED_SERVERS = 4;

/** All servers of a run, started when they are first asked for. The launcher sees that nothing survives. */
export class Fleet implements AsyncDisposable {
  readonly #groups: RedisServers[] = [];
  #nodes: readonly RedisServer[] = [];
  #cluster: Promise<RedisServers> | undefined;
  #replicated: Promise<RedisServers> | undefined;
  #proxy: Promise<Twemproxy> | undefined;

  /** The servers that hold what a contestant writes. @throws Error that says why there are none */
  async servers(servers: Servers): Promise<readonly RedisServer[]> {
    if (servers.kind === 'cluster') {
      this.#cluster ??= startCluster({ masterCount: CLUSTER_MASTERS });
      return (await this.#cluster).servers;
    }
    if (servers.kind === 'replicated') {
      this.#replicated ??= startCluster(REPLICATED);
      return (await this.#replicated).servers;
    }
    const count = servers.kind === 'nodes' ? servers.count : PROXIED_SERVERS;
    if (this.#nodes.length < count) {
      const more = await startRedis({ count: count - this.#nodes.length });
      this.#groups.push(more);
      this.#nodes = [...this.#nodes, ...more.servers];
    }
    return this.#nodes.slice(0, count);
  }

  /** Where a contestant connects to. @throws Error that says why there is nothing */
  async locations(servers: Servers): Promise<readonly string[]> {
    const behind = (await this.servers(servers)).map(({ location }) => location);
    if (servers.kind !== 'twemproxy') return behind;
    this.#proxy ??= startTwemproxy({ servers: behind });
    return [(await this.#proxy).location];
  }

  /** Empties a contestant's servers and fills them with keys of its namespace. */
  async load({ servers, prefix }: Contestant, namespace: string, keyCount: number): Promise<void> {
    const locations = (await this.servers(servers)).map(({ location }) => location);
    await Promise.all(locations.map((location) => ask(location, ['FLUSHALL', 'SYNC'], 60_000)));
    await loadKeys(locations, servers.kind === 'cluster', namespace + prefix.separator, keyCount);
  }

  async countKeys(servers: Servers): Promise<number> {
    const sizes = (await this.servers(servers)).map(({ location }) => ask(location, ['DBSIZE']));
    return (await Promise.all(sizes)).map(Number).reduce((sum, size) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = await Promise.allSettled([this.#cluster, this.#replicated, this.#proxy]);
    const started = others.flatMap((other) =>
      other.status === 'fulfilled' && other.value ? [other.value] : [],
    );
    await Promise.all([...this.#groups, ...started].map((group) => group.stop()));
  }
}
