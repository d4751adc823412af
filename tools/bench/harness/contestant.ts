/** The servers that a contestant uses. Contestants with the same `kind` share servers. */
export type Servers =
  /** Independent servers. */
  | {
      readonly kind: 'nodes';
      readonly count: number;
      /** Contestants with another group have servers of their own. @default '' */
      readonly group?: string;
    }
  /** A Redis Cluster of four masters. */
  | { readonly kind: 'cluster' }
  /** A Redis Cluster of three masters with one replica each. */
  | { readonly kind: 'replicated' }
  /** A primary with two replicas, and three sentinels. */
  | { readonly kind: 'sentinel' }
  /** twemproxy in front of four independent servers. */
  | { readonly kind: 'twemproxy' };

/** Name of the group that the sentinels monitor. */
export const SENTINEL_GROUP = 'bench';

export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** How a change of the servers went. Times in milliseconds. */
export interface ServerChange {
  readonly movedCount: number;
  /** How long entries moved. */
  readonly movingMs: number;
}

/**
 * The cache under test. Stores, Keyv and plain clients all get this interface. A missing value is null or
 * undefined.
 */
export interface Subject {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  has?(key: string): Promise<unknown>;
  /** Returns whether the key existed, as a boolean or a count. */
  delete?(key: string): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<readonly unknown[]>;
  setMany(entries: readonly Entry[]): Promise<unknown>;
  clear?(): Promise<unknown>;
  iterator?(): AsyncIterable<readonly [key: string, value: unknown]>;
  /** Returns `host:port` of the server that owns a key. */
  ownerOf?(key: string): string;
  /** Listens to `error` events. The events must be emitted in the failed call's asynchronous context. */
  onError?(listener: () => void): void;
  /** Changes the cache's servers to `locations`. */
  changeServers?(locations: readonly string[]): Promise<ServerChange>;
  /** Whether every server is in use, and no keys move between servers. */
  usesAllServers?(): boolean;
  /** Calls the listener when a server is back in use after an outage. */
  onServerUp?(listener: () => void): void;
}

export interface OpenOptions {
  readonly locations: readonly string[];
  /** Different for each contestant, because contestants share servers. */
  readonly namespace: string;
  /** The ES module of the built store. */
  readonly storeFile: string;
  /** The ES module of another build, to compare with. */
  readonly baselineFile: string | undefined;
}

export interface Contestant {
  readonly id: string;
  /** The contestant's name in tables. */
  readonly label: string;
  readonly servers: Servers;
  /**
   * The separator between namespace and key in Redis, and who adds the prefix. Plain clients have no
   * namespaces, so their callers pass keys that already have the prefix. These keys are built before the
   * clock starts.
   */
  readonly prefix: { readonly addedBy: 'contestant' | 'caller'; readonly separator: ':' | '::' };
  /** Whether `changeServers()` changes the servers of all processes, or only of its own. @default 'own' */
  readonly changesServersOf?: 'all' | 'own';
  open(options: OpenOptions): Promise<Subject>;
}
