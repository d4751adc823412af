/** What a contestant works on. `nodes` are independent servers; all contestants share them. */
export type Servers =
  | { readonly kind: 'nodes'; readonly count: number }
  | { readonly kind: 'cluster' }
  /** Three masters with a replica each. */
  | { readonly kind: 'replicated' }
  | { readonly kind: 'twemproxy' };

export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** A cache as its users have it, behind one shape. A value that is missing is null or undefined. */
export interface Subject {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<readonly unknown[]>;
  setMany(entries: readonly Entry[]): Promise<unknown>;
  clear?(): Promise<unknown>;
  iterator?(): AsyncIterable<readonly [key: string, value: unknown]>;
  /** `host:port` of the server that has a key. */
  ownerOf?(key: string): string;
  /** Errors that it tells of by events, in the asynchronous context of the call. */
  onError?(listener: () => void): void;
  /** A server that was away is in use again. */
  onReturn?(listener: (location: string) => void): void;
  close(): Promise<unknown>;
}

export interface OpenOptions {
  readonly locations: readonly string[];
  /** A few letters, others for each contestant, so that nobody reads what another wrote. */
  readonly namespace: string;
  /** The built store, and the build to compare it with. */
  readonly storeFile: string;
  readonly baselineFile: string | undefined;
}

export interface Contestant {
  readonly id: string;
  readonly label: string;
  readonly servers: Servers;
  /**
   * What stands in Redis before a key of the namespace, and who puts it there: clients have no namespaces, so
   * their callers hand in whole keys, built beforehand.
   */
  readonly prefix: { readonly by: 'contestant' | 'caller'; readonly separator: ':' | '::' };
  open(options: OpenOptions): Promise<Subject>;
}
