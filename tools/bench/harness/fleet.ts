import {
  ask,
  type RedisServer,
  type RedisServers,
  type SentinelGroup,
  startCluster,
  startRedis,
  startSentinelGroup,
  startTwemproxy,
  type Twemproxy,
} from 'redis-launcher';
import { type Contestant, type Entry, SENTINEL_GROUP, type Servers } from './contestant.js';
import { loadKeys } from './load-keys.js';

const CLUSTER = { masterCount: 4 };
/**
 * A cluster needs at least three masters to elect a replica. To keep the rounds short, the timeout is shorter
 * than Redis' default of 15 seconds.
 */
const REPLICATED_CLUSTER = { masterCount: 3, replicaCount: 1, nodeTimeoutMs: 2_000 };
const PROXIED_SERVER_COUNT = 4;
const FLUSH_TIMEOUT_MS = 60_000;
const COUNT_KEYS = "return redis.call('DBSIZE') - #redis.call('KEYS', '%dredis:*')";

/** What {@link Fleet.load} writes. */
export interface LoadOptions {
  /** Writes only to the first servers. @default all of the contestant's servers */
  readonly serverCount?: number;
  /** @default the entries of loaded-keys.ts */
  readonly entryOf?: (index: number) => Entry;
}

/** A run's servers. Each server is started when a contestant first needs it. */
export class Fleet implements AsyncDisposable {
  readonly #nodeGroups: RedisServers[] = [];
  /** Independent servers, by group. */
  readonly #nodes = new Map<string, readonly RedisServer[]>();
  #cluster: Promise<RedisServers> | undefined;
  #replicatedCluster: Promise<RedisServers> | undefined;
  #sentinelGroup: Promise<SentinelGroup> | undefined;
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
    if (servers.kind === 'sentinel') {
      this.#sentinelGroup ??= startSentinelGroup({ name: SENTINEL_GROUP });
      return (await this.#sentinelGroup).servers;
    }
    const { count, group = '' } =
      servers.kind === 'nodes' ? servers : { count: PROXIED_SERVER_COUNT, group: undefined };
    let nodes = this.#nodes.get(group) ?? [];
    if (nodes.length < count) {
      const added = await startRedis({ count: count - nodes.length });
      this.#nodeGroups.push(added);
      nodes = [...nodes, ...added.servers];
      this.#nodes.set(group, nodes);
    }
    return nodes.slice(0, count);
  }

  /** Returns the locations that a contestant connects to. @throws Error if the servers cannot be started */
  async locations(servers: Servers): Promise<readonly string[]> {
    const locations = (await this.servers(servers)).map(({ location }) => location);
    if (this.#sentinelGroup !== undefined && servers.kind === 'sentinel') {
      return (await this.#sentinelGroup).sentinels.map(({ location }) => location);
    }
    if (servers.kind !== 'twemproxy') return locations;
    this.#proxy ??= startTwemproxy({ servers: locations });
    return [(await this.#proxy).location];
  }

  /** Deletes all keys on a contestant's servers. */
  async flush(servers: Servers): Promise<void> {
    const flushes = (await this.servers(servers)).map(async ({ location }) => {
      // A replica does not accept the command. It copies its primary instead.
      if (!(await ask(location, ['INFO', 'replication'])).includes('role:master')) return;
      await ask(location, ['FLUSHALL', 'SYNC'], FLUSH_TIMEOUT_MS);
    });
    await Promise.all(flushes);
  }

  /** Flushes a contestant's servers and writes keys in its namespace to them. */
  async load(
    { servers, prefix }: Contestant,
    namespace: string,
    keyCount: number,
    { serverCount, entryOf }: LoadOptions = {},
  ): Promise<void> {
    await this.flush(servers);
    const locations = (await this.servers(servers)).map(({ location }) => location);
    await loadKeys(
      locations.slice(0, serverCount),
      servers.kind === 'cluster',
      namespace + prefix.separator,
      keyCount,
      entryOf,
    );
  }

  /** Number of keys, without those that the store keeps for itself. */
  async countKeys(servers: Servers): Promise<number> {
    const sizes = (await this.servers(servers)).map(({ location }) =>
      ask(location, ['EVAL', COUNT_KEYS, '0']),
    );
    return (await Promise.all(sizes)).map(Number).reduce((sum, size) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = await Promise.allSettled([
      this.#cluster,
      this.#replicatedCluster,
      this.#sentinelGroup,
      this.#proxy,
    ]);
    const started = others.flatMap((other) =>
      other.status === 'fulfilled' && other.value ? [other.value] : [],
    );
    await Promise.all([...this.#nodeGroups, ...started].map((group) => group.stop()));
  }
}
