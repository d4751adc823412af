import { createClient, createCluster } from 'redis';
import type { Entry, OpenOptions, Subject } from '../harness/contestant.js';
import { spread } from '../harness/spread.js';

/** What clients and clusters have in common here. */
interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options?: object): Promise<unknown>;
  close(): Promise<unknown>;
}

async function connect(location: string, options: object = {}) {
  const client = createClient({ ...options, url: `redis://${location}` });
  client.on('error', (error) => {
    throw error;
  });
  await client.connect();
  return client;
}

const NO_TIMEOUT = { commandOptions: { timeout: 0 } };

const px = (ttlMs: number | undefined) =>
  ttlMs === undefined ? undefined : { expiration: { type: 'PX', value: ttlMs } };

const pairs = (entries: readonly Entry[]) =>
  entries.map(({ key, value }) => [key, value] as [string, string]);

const oneKeyCalls = (client: Client) => ({
  get: (key: string) => client.get(key),
  set: (key: string, value: string, ttlMs?: number) => client.set(key, value, px(ttlMs)),
  close: () => client.close(),
});

async function openOne(location: string, options?: object): Promise<Subject> {
  const client = await connect(location, options);
  return {
    ...oneKeyCalls(client as unknown as Client),
    getMany: (keys) => client.mGet(keys as string[]),
    setMany: (entries) => client.mSet(pairs(entries)),
  };
}

export async function openWithDefaults({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openOne(location);
}

export async function openWithoutTimeout({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openOne(location, NO_TIMEOUT);
}

/** twemproxy knows neither HELLO nor CLIENT. */
export async function openThroughTwemproxy({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  return openOne(location, { ...NO_TIMEOUT, RESP: 2, disableClientInfo: true });
}

export async function openSpread({ locations }: OpenOptions): Promise<Subject> {
  const count = locations.length;
  const clients = await Promise.all(locations.map((location) => connect(location, NO_TIMEOUT)));
  const of = (key: string) => clients[spread(key, count)] as (typeof clients)[number];
  return {
    get: (key) => of(key).get(key),
    set: (key, value, ttlMs) => of(key).set(key, value, px(ttlMs) as object),
    async getMany(keys) {
      const values = new Array<unknown>(keys.length);
      const shares = clients.map(() => ({ keys: [] as string[], positions: [] as number[] }));
      for (const [position, key] of keys.entries()) {
        const share = shares[spread(key, count)] as (typeof shares)[number];
        share.keys.push(key);
        share.positions.push(position);
      }
      const send = async ({ keys, positions }: (typeof shares)[number], node: number) => {
        if (keys.length === 0) return;
        const found = await (clients[node] as (typeof clients)[number]).mGet(keys);
        for (const [index, position] of positions.entries()) values[position] = found[index];
      };
      await Promise.all(shares.map(send));
      return values;
    },
    async setMany(entries) {
      const shares = clients.map(() => [] as [string, string][]);
      for (const { key, value } of entries) shares[spread(key, count)]?.push([key, value]);
      await Promise.all(shares.map((share, node) => share.length > 0 && clients[node]?.mSet(share)));
    },
    ownerOf: (key) => locations[spread(key, count)] as string,
    close: () => Promise.all(clients.map((client) => client.close())),
  };
}

/** MGET and MSET are refused for keys of several slots, so it is one command a key, all at once. */
export async function openCluster({ locations }: OpenOptions): Promise<Subject> {
  const cluster = createCluster({ rootNodes: locations.map((location) => ({ url: `redis://${location}` })) });
  cluster.on('error', (error) => {
    throw error;
  });
  await cluster.connect();
  return {
    ...oneKeyCalls(cluster as unknown as Client),
    getMany: (keys) => Promise.all(keys.map((key) => cluster.get(key))),
    setMany: (entries) => Promise.all(entries.map(({ key, value }) => cluster.set(key, value))),
  };
}
