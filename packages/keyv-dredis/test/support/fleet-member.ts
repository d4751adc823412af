import { DRedisStore, type DRedisStoreOptions, type Locations } from '../../src/index.js';
import type { StoreStatus } from '../../src/node/node-status.js';

/*
 * A process with a store that carries out calls from its parent. See fleet.ts.
 */

/** One call of the workload, in milliseconds on a clock that all processes of the machine share. */
export interface FleetEvent {
  readonly type: 'read' | 'write';
  readonly key: string;
  /** The version that was read, or written; undefined if the key was missing. */
  readonly version: number | undefined;
  readonly startedAt: number;
  /** Undefined if the call failed. A write may have been carried out nevertheless. */
  readonly endedAt: number | undefined;
  readonly error?: string;
}

export interface Work {
  /** Keys that only this process writes. */
  readonly own: readonly string[];
  /** Keys to read. */
  readonly all: readonly string[];
}

/** One write in so many is a delete(). */
const DELETE_INTERVAL = 7;
const PAUSE_MS = 4;

let store: DRedisStore | undefined;
let purges: unknown[][] = [];
let work: { stop(): Promise<FleetEvent[]> } | undefined;
/** Survives a change of the store, because versions only count up. */
const versions = new Map<string, number>();

function current(): DRedisStore {
  if (store === undefined) throw new Error('open() first');
  return store;
}

const now = () => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The error, and what this process knew when the call failed. */
function describe(error: unknown): string {
  const { failover, topology } = current().status();
  const { epoch, phase, states } = topology;
  return `${(error as Error).message} ${JSON.stringify({ failover, epoch, phase, states })}`;
}

function begin({ own, all }: Work): { stop(): Promise<FleetEvent[]> } {
  const events: FleetEvent[] = [];
  let isOver = false;
  const timed = async (
    event: Pick<FleetEvent, 'type' | 'key'>,
    call: () => Promise<number | undefined>,
  ): Promise<void> => {
    const startedAt = now();
    let version: number | undefined;
    try {
      version = await call();
      events.push({ ...event, version, startedAt, endedAt: now() });
    } catch (error) {
      version = versions.get(event.key);
      events.push({ ...event, version, startedAt, endedAt: undefined, error: describe(error) });
    }
  };
  const write = async () => {
    for (let turn = 0; !isOver && own.length > 0; turn += 1) {
      const key = own[turn % own.length] as string;
      const version = (versions.get(key) ?? 0) + 1;
      versions.set(key, version);
      await timed({ type: 'write', key }, async () => {
        if (turn % DELETE_INTERVAL === DELETE_INTERVAL - 1) await current().delete(key);
        else await current().set(key, String(version));
        return version;
      });
      await sleep(PAUSE_MS);
    }
  };
  const read = async () => {
    for (let turn = Math.floor(Math.random() * all.length); !isOver; turn += 1) {
      const key = all[turn % all.length] as string;
      await timed({ type: 'read', key }, async () => {
        const value = await current().get<string>(key);
        return value === undefined ? undefined : Number(value);
      });
      await sleep(PAUSE_MS);
    }
  };
  const working = [write(), read(), read()];
  return {
    async stop() {
      isOver = true;
      await Promise.all(working);
      return events;
    },
  };
}

/** What the parent can call. */
export const CALLS = {
  async open(locations: Locations, options: DRedisStoreOptions): Promise<void> {
    store = new DRedisStore(locations, options);
    purges = [];
    store.on('error', () => undefined);
    store.on('node:purged', (...purge) => purges.push(purge));
    await store.connect();
  },
  async close(): Promise<void> {
    await work?.stop();
    work = undefined;
    await store?.disconnect();
    store = undefined;
  },
  get: (key: string) => current().get<string>(key),
  set: (key: string, value: string) => current().set(key, value),
  delete: (key: string) => current().delete(key),
  clear: () => current().clear(),
  /** Reads with get(), because getMany() does not tell misses from failures. */
  getEach: (keys: readonly string[]) =>
    Promise.all(keys.map(async (key) => (await current().get<string>(key)) ?? null)),
  setMany: async (keys: readonly string[], value: string) =>
    (await current().setMany(keys.map((key) => ({ key, value })))) as boolean[],
  async listed(): Promise<string[]> {
    const keys = new Set<string>();
    for await (const [key] of current().iterator()) keys.add(key);
    return [...keys].sort();
  },
  /** Disconnects while writes are in flight. @returns whether they were acknowledged */
  async setAndDisconnect(keys: readonly string[], value: string): Promise<boolean[]> {
    const written = Promise.all(
      keys.map((key) =>
        current()
          .set(key, value)
          .catch(() => false),
      ),
    );
    await current().disconnect();
    store = undefined;
    return written;
  },
  async reshard(locations: Locations): Promise<void> {
    await current().reshard(locations);
  },
  states: async (): Promise<StoreStatus['topology']> => current().status().topology,
  failover: async (): Promise<StoreStatus['failover']> => current().status().failover,
  purges: async () => purges,
  async beginWork(what: Work): Promise<void> {
    work = begin(what);
  },
  async endWork(): Promise<FleetEvent[]> {
    const events = (await work?.stop()) ?? [];
    work = undefined;
    return events;
  },
};

export type Calls = typeof CALLS;

interface Message {
  readonly id: number;
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
}

process.on('message', async ({ id, name, args }: Message) => {
  try {
    const call = CALLS[name] as (...all: readonly unknown[]) => Promise<unknown>;
    process.send?.({ id, value: await call(...args) });
  } catch (error) {
    process.send?.({ id, error: (error as Error).message });
  }
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
