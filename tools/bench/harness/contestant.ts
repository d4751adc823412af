/** The servers that a contestant uses. All contestants of one kind share them. */
export type Servers =
  /** Independent servers. */
  | { readonly kind: 'nodes'; readonly count: number }
  /** A Redis Cluster of four masters. */
  | { readonly kind: 'cluster' }
  /** A Redis Cluster of three masters with one replica each. */
  | { readonly kind: 'replicated' }
  /** twemproxy in front of four independent servers. */
  | { readonly kind: 'twemproxy' };

export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** The cache under test: one interface for stores, Keyv and plain clients. A missing value is null or undefined. */
export interface Subject {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<readonly unknown[]>;
  setMany(entries: readonly Entry[]): Promise<unknown>;
  clear?(): Promise<unknown>;
  iterator?(): AsyncIterable<readonly [key: string, value: unknown]>;
  /** Returns `host:port` of the server that owns a key. */
  ownerOf?(key: string): string;
  /** Listens to `error` events. They are emitted in the asynchronous context of the failed call. */
  onError?(listener: () => void): void;
  /** Listens for servers that are in use again after an outage. */
  onReadmission?(listener: (location: string) => void): void;
}

export interface OpenOptions {
  readonly locations: readonly string[];
  /** Differs between contestants, because they share servers. */
  readonly namespace: string;
  /** The ES module of the built store. */
  readonly storeFile: string;
  /** The ES module of another build, to compare with. */
  readonly baselineFile: string | undefined;
}

export interface Contestant {
  readonly id: string;
  /** The name in tables. */
  readonly label: string;
  readonly servers: Servers;
  /**
   * What separates namespace and key in Redis, and who adds the prefix. Plain clients have no namespaces, so their
   * callers pass prefixed keys that were built before the clock started.
   */
  readonly prefix: { readonly addedBy: 'contestant' | 'caller'; readonly separator: ':' | '::' };
  open(options: OpenOptions): Promise<Subject>;
}
