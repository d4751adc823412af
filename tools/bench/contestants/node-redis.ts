import { createClient, createCluster } from 'redis';
import type { Entry, OpenOptions, Subject } from '../harness/contestant.js';
import { moduloShard } from './modulo-shard.js';

/** The methods that clients and cluster clients have in common. */
interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options?: object): Promise<unknown>;
}

/** Turns off the default command timeout of 5 s, because it would create an AbortSignal for every command. */
const NO_TIMEOUT = { commandOptions: { timeout: 0 } };

/** Keys per page, as in the store. */
const SCAN_COUNT = 1000;

async function connect(location: string, options: object = {}) {
  const client = createClient({ ...options, url: `redis://${location}` });
  client.on('error', rethrow);
  await client.connect();
  return client;
}

/** An error makes the figures meaningless, so it ends the process. */
function rethrow(error: Error): never {
  throw error;
}

const expirationOf = (ttlMs: number | undefined) =>
  ttlMs === undefined ? undefined : { expiration: { type: 'PX', value: ttlMs } };

const pairsOf = (entries: readonly Entry[]) =>
  entries.map(({ key, value }) => [key, value] as [string, string]);

const singleKeyCalls = (client: Client) => ({
  get: (key: string) => client.get(key),
  set: (key: string, value: string, ttlMs?: number) => client.set(key, value, expirationOf(ttlMs)),
});

async function openSingle(location: string, options?: object): Promise<Subject> {
  const client = await connect(location, options);
  return {
    ...singleKeyCalls(client as unknown as Client),
    getMany: (keys) => client.mGet(keys as string[]),
    setMany: (entries) => client.mSet(pairsOf(entries)),
  };
}

export async function openWithDefaults({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openSingle(location);
}

export async function openWithoutTimeout({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openSingle(location, NO_TIMEOUT);
}

/** twemproxy supports neither HELLO nor CLIENT. */
export async function openThroughTwemproxy({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openSingle(location, { ...NO_TIMEOUT, RESP: 2, disableClientInfo: true });
}

/** Shards keys by hand, with one client per server. Multi-key calls send one command per server. */
export async function openSharded({ locations, namespace }: OpenOptions): Promise<Subject> {
  const serverCount = locations.length;
  const clients = await Promise.all(locations.map((location) => connect(location, NO_TIMEOUT)));
  const clientOf = (key: string) => clients[moduloShard(key, serverCount)] as (typeof clients)[number];
  return {
    get: (key) => clientOf(key).get(key),
    set: (key, value, ttlMs) => clientOf(key).set(key, value, expirationOf(ttlMs) as object),
    has: (key) => clientOf(key).exists(key),
    delete: (key) => clientOf(key).unlink(key),
    async getMany(keys) {
      const values = new Array<unknown>(keys.length);
      const groups = clients.map((client) => ({ client, keys: [] as string[], positions: [] as number[] }));
      for (const [position, key] of keys.entries()) {
        const group = groups[moduloShard(key, serverCount)] as (typeof groups)[number];
        group.keys.push(key);
        group.positions.push(position);
      }
      const send = async ({ client, keys, positions }: (typeof groups)[number]) => {
        if (keys.length === 0) return;
        const found = await client.mGet(keys);
        for (const [index, position] of positions.entries()) values[position] = found[index];
      };
      await Promise.all(groups.map(send));
      return values;
    },
    async setMany(entries) {
      const groups = clients.map(() => [] as [string, string][]);
      for (const { key, value } of entries) groups[moduloShard(key, serverCount)]?.push([key, value]);
      await Promise.all(groups.map((group, index) => group.length > 0 && clients[index]?.mSet(group)));
    },
    async clear() {
      const clearOne = async (client: (typeof clients)[number]) => {
        for await (const page of client.scanIterator({ MATCH: `${namespace}:*`, COUNT: SCAN_COUNT })) {
          if (page.length > 0) await client.unlink(page);
        }
      };
      await Promise.all(clients.map(clearOne));
    },
    ownerOf: (key) => locations[moduloShard(key, serverCount)] as string,
  };
}

/**
 * A cluster rejects MGET and MSET for keys in different slots, so multi-key calls send one command per key.
 */
export async function openCluster({ locations }: OpenOptions): Promise<Subject> {
  const cluster = createCluster({ rootNodes: locations.map((location) => ({ url: `redis://${location}` })) });
  cluster.on('error', rethrow);
  await cluster.connect();
  return {
    ...singleKeyCalls(cluster as unknown as Client),
    getMany: (keys) => Promise.all(keys.map((key) => cluster.get(key))),
    setMany: (entries) => Promise.all(entries.map(({ key, value }) => cluster.set(key, value))),
  };
}
