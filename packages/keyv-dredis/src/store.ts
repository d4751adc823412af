import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type { RedisClientType } from 'redis';
import { type Locations, parseLocations } from './config/locations.js';
import { type DRedisStoreOptions, type ResolvedOptions, resolveOptions } from './config/options.js';
import { DRedisError, NodeUnavailableError, PartialFailureError } from './errors/errors.js';
import { type DRedisStoreEvents, Reporter } from './errors/reporter.js';
import { assertKey, assertNamespace, copyKey, physicalKey } from './format/keyspace.js';
import { encodeValue, type StoredValue } from './format/values.js';
import { CAPABILITIES, Contract, type ResolvedKey } from './keyv/keyv-compat.js';
import type { Commands } from './node/commands.js';
import type { NodeChange, NodeStatus } from './node/health.js';
import type { NodeKeeper } from './node/node.js';
import { Hints, hintOfPrefix } from './outage/hints.js';
import { Namespaces } from './outage/namespaces.js';
import { Admission } from './outage/recovery.js';
import { mapInSteps, STEP } from './sharding/chunks.js';
import { type Gathered, pipeline, Router, type Share } from './sharding/router.js';
import { clearPrefixes, entriesOf } from './sharding/scan.js';
import { holdAll, type Snapshot, Topology } from './sharding/topology.js';

/** Length of all keys of one batched MGET, in UTF-16 code units: a command stays around 64 KB. */
const MAX_BATCH_KEY_LENGTH = 65_536;

/** An entry of {@link DRedisStore.setMany}: Keyv 6 gives `expires`, Keyv 5 `ttl`. */
export interface StoreEntry {
  readonly key: string;
  readonly value: unknown;
  /** Milliseconds since the Unix epoch; none means that the entry never expires. */
  readonly expires?: number | undefined;
  /** Milliseconds from now, under Keyv 5. */
  readonly ttl?: number | undefined;
}

/**
 * A result that TypeScript takes for what either Keyv declares. They contradict each other: of
 * `setMany` Keyv 5 says `void` (and uses the booleans), of `deleteMany` it says `boolean`.
 */
type InEitherKeyv<Keyv6Result, Keyv5Result> = Keyv6Result & Keyv5Result;

/** Where a key lives. */
export interface KeyLocation {
  /** Name of the node that owns the key. */
  readonly node: string;
  /** The key as Redis sees it. */
  readonly key: string;
  /** The node's client, connecting if it was not: any Redis command can be sent through it. */
  readonly client: RedisClientType;
}

/** What forks share. */
interface Shared {
  readonly options: ResolvedOptions;
  readonly topology: Topology;
  readonly router: Router;
  readonly hints: Hints;
  readonly namespaces: Namespaces;
}

/**
 * A Keyv storage adapter that spreads one cache over several Redis servers: each key belongs to one
 * node of a consistent-hash ring, a call over many keys goes to each node once and to all at the same
 * time, and a node that fails costs its own keys only.
 *
 * It serves Keyv 5 and Keyv 6. Used without Keyv it follows Keyv 6's contract: keys come without
 * their namespace, and an expiry is a time in milliseconds since the Unix epoch.
 *
 * Reads and writes of one key reject with {@link DRedisError}, save that under Keyv 5, which swallows
 * a rejected read, a failed read is a miss and an `error` event. Calls over many keys give what they
 * could get, and report one `error` event per failed node.
 *
 * @example
 * const store = new DRedisStore(['10.0.0.1:6379', '10.0.0.2:6379']);
 * const cache = new Keyv({ store });
 */
export class DRedisStore extends EventEmitter<DRedisStoreEvents> {
  readonly #shared: Shared;
  readonly #router: Router;
  readonly #contract: Contract;
  readonly #reporter: Reporter;
  /** A fork leaves the connections to the store that it came from. */
  readonly #isFork: boolean;
  /** One object for good: the official suite, for one, writes to it. */
  readonly #opts: Record<string, unknown> = { dialect: 'redis' };
  #closed = false;

  /**
   * No connection is made before the first operation, or {@link DRedisStore.connect}.
   *
   * @param locations the nodes; `localhost:6379` when left out
   * @throws InvalidOptionError for a location or an option that is not allowed
   */
  constructor(locations?: Locations, options?: DRedisStoreOptions);
  /** @internal */
  constructor(locations: Locations | undefined, options: DRedisStoreOptions | undefined, shared?: Shared);
  constructor(locations?: Locations, options?: DRedisStoreOptions, shared?: Shared) {
    super();
    // Each Keyv in front listens to 'error'; how many there are is no sign of a leak.
    this.setMaxListeners(0);
    this.#reporter = new Reporter(this);
    const resolved = resolveOptions(options);
    this.#isFork = shared !== undefined;
    this.#shared = shared ?? this.#openTopology(locations, resolved);
    this.#router = this.#shared.router;
    this.#contract = new Contract(resolved);
    this.#shared.namespaces.use(this.#contract.prefix);
  }

  /** Names of the nodes, in the order of the locations. */
  get nodes(): readonly string[] {
    return [...this.#shared.topology.snapshot.nodes.keys()];
  }

  /** How each node does, for a dashboard. */
  status(): readonly NodeStatus[] {
    return Array.from(this.#shared.topology.snapshot.nodes.values(), ({ status }) => status);
  }

  /**
   * The namespace: the one that was assigned last, by a Keyv in front or through the options. Under
   * Keyv 5 it reads as it stands in physical keys, with `:` and `%` percent-encoded.
   */
  get namespace(): string | undefined {
    return this.#contract.namespace;
  }

  set namespace(namespace: string | undefined) {
    this.#contract.assignNamespace(namespace);
    this.#shared.namespaces.use(this.#contract.prefix);
    this.#warnWhenShared();
  }

  /** What Keyv 5 asks for; it holds no credentials. */
  get opts(): Record<string, unknown> {
    this.#contract.optsRead();
    this.#warnWhenShared();
    return this.#opts;
  }

  /** What Keyv 6 asks for. */
  get capabilities(): typeof CAPABILITIES {
    this.#contract.capabilitiesRead();
    return CAPABILITIES;
  }

  override on<E extends keyof DRedisStoreEvents>(
    event: E,
    listener: (...args: DRedisStoreEvents[E]) => void,
  ): this {
    super.on(event, listener as never);
    if (event === 'error') {
      this.#contract.errorListenerAdded();
      // A Keyv that has just come assigns its namespace next.
      queueMicrotask(() => this.#warnWhenShared());
    }
    return this;
  }

  /**
   * The value of a key, or undefined.
   *
   * @throws DRedisError (not under Keyv 5: there a failure is an `error` event and a miss)
   */
  get<Value = StoredValue>(key: string): Promise<Value | undefined> {
    let value: Promise<StoredValue | undefined>;
    try {
      this.#assertOpen();
      const resolved = this.#resolveKey(key, this.#contract);
      value = this.#router.get(resolved.prefix, resolved.key);
    } catch (error) {
      value = Promise.reject(error);
    }
    if (this.#contract.version === 5 || this.#missesAreFine) {
      value = value.catch((error) => this.#failRead(error, undefined));
    }
    return value as Promise<Value | undefined>;
  }

  /** The values of many keys, in their order; undefined where there is none, or its node failed. */
  async getMany<Value = StoredValue>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    const values = await this.#gather(keys, this.#physicalKey, (physical, snapshot) =>
      this.#router.getMany(physical, snapshot),
    );
    return values as (Value | undefined)[];
  }

  /**
   * Stores a value.
   *
   * @param value a string or a Buffer, which `get` gives back as what it was
   * @param expiry milliseconds since the Unix epoch (under Keyv 5: from now); a time that has come
   * removes the key, and no finite number means that the entry never expires
   * @returns true; false where the node is down and `nodeDownPolicy` is `'miss'`
   */
  set(key: string, value: unknown, expiry?: number): Promise<boolean> {
    // What throws in here rejects.
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      const physical = this.#writtenKey(key, this.#contract);
      const encoded = encodeValue(value);
      const expiresAt = this.#contract.expiresAt(expiry, Date.now());
      this.#router.write<unknown>(
        physical,
        (commands, place) =>
          write(commands, place.key, encoded, sooner(expiresAt, this.#latestExpiry(place))),
        () => resolve(true),
        (error) => (this.#isMiss(error) ? resolve(false) : reject(error)),
      );
    });
  }

  /**
   * Stores many entries: one MSET per node when none of its entries expires, one MSETEX when all do
   * after the same time and the server knows it, else one pipeline. Of two entries with one key the
   * later one stays.
   *
   * @returns whether each was stored, in the order of the entries
   */
  async setMany(entries: readonly StoreEntry[]): Promise<InEitherKeyv<boolean[], void>>;
  async setMany(entries: readonly StoreEntry[]): Promise<boolean[]> {
    const now = Date.now();
    const values: StoredValue[] = [];
    const expiries: (number | undefined)[] = [];
    const keyOf = ({ key, value, expires, ttl }: StoreEntry, contract: Contract) => {
      values.push(encodeValue(value));
      expiries.push(contract.expiresAt(contract.version === 5 ? ttl : expires, now));
      return this.#writtenKey(key, contract);
    };
    const send = async (share: Share) => {
      const { node, keys, positions } = share;
      const latest = this.#latestExpiry(share);
      const expiryOf = (position: number) => sooner(expiries[position], latest);
      const expiresAt = expiryOf(positions[0] as number);
      if (keys.length > 1 && positions.every((position) => expiryOf(position) === expiresAt)) {
        const mine = positions.map((position) => values[position] as StoredValue);
        if (await node.run((commands) => writeMany(commands, keys, mine, expiresAt))) {
          return { values: keys.map(() => true) };
        }
      }
      return pipeline(keys, false, async (key, index) => {
        const position = positions[index] as number;
        await node.run((commands) =>
          write(commands, key, values[position] as StoredValue, expiryOf(position)),
        );
        return true;
      });
    };
    return this.#gather(entries, keyOf, (physical, snapshot) =>
      this.#router.scatterWrites(physical, false, send, snapshot),
    );
  }

  /** Removes a key. @returns whether it was there */
  async delete(key: string): Promise<boolean> {
    this.#assertOpen();
    const physical = this.#writtenKey(key, this.#contract);
    return new Promise((resolve, reject) =>
      this.#router.write(
        physical,
        (commands, { key }) => commands.unlink([key]),
        (count) => resolve(count > 0),
        (error) => (this.#isMiss(error) ? resolve(false) : reject(error)),
      ),
    );
  }

  /**
   * Removes many keys.
   *
   * @returns whether each was there, in the order of the keys; one boolean under Keyv 5, whether all
   * were (the type says both, and without Keyv 5 it is always an array)
   */
  async deleteMany(keys: readonly string[]): Promise<InEitherKeyv<boolean[], boolean>>;
  async deleteMany(keys: readonly string[]): Promise<boolean[] | boolean> {
    const send = ({ node, keys }: Share) =>
      pipeline(keys, false, async (key) => (await node.run((commands) => commands.unlink([key]))) > 0);
    const deleted = await this.#gather(keys, this.#writtenKey, (physical, snapshot) =>
      this.#router.scatterWrites(physical, false, send, snapshot),
    );
    return this.#contract.version === 5 ? deleted.every(Boolean) : deleted;
  }

  /**
   * Whether a key is there.
   *
   * @throws DRedisError (not under Keyv 5: there a failure is an `error` event and false)
   */
  async has(key: string): Promise<boolean> {
    try {
      this.#assertOpen();
      const physical = this.#physicalKey(key, this.#contract);
      const { node, key: placed } = this.#router.place(physical);
      return await node.run((commands) => commands.exists(placed));
    } catch (error) {
      return this.#failRead(error, false);
    }
  }

  /** Whether each of many keys is there, in their order. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    const send = ({ node, keys }: Share) =>
      pipeline(keys, false, (key) => node.run((commands) => commands.exists(key)));
    return this.#gather(keys, this.#physicalKey, (physical, snapshot) =>
      this.#router.scatter(physical, false, send, snapshot),
    );
  }

  /**
   * Removes what the namespace holds, on every node, and nothing else: page by page with SCAN and
   * UNLINK, O(number of keys in the databases).
   *
   * @throws PartialFailureError that names the nodes that are not cleared
   * @throws DRedisError when it cannot be told which keys are meant
   */
  async clear(): Promise<void> {
    const { prefix } = this.#contract;
    if (this.#contract.ambiguous) {
      throw new DRedisError(
        'DREDIS_NAMESPACE_AMBIGUOUS',
        'clear() is refused: Keyv instances with different namespaces share this store, and it cannot be told ' +
          'whose keys are meant. Give each its own: store.withNamespace(namespace).',
      );
    }
    if (prefix === '' && !this.#shared.options.ownsDatabase) {
      throw new DRedisError(
        'DREDIS_CLEAR_REFUSED',
        'clear() is refused: with keyFormat "raw" and no namespace it would remove every key of the database. Set ' +
          'a namespace, or ownsDatabase: true if all keys are this store’s.',
      );
    }
    this.#assertOpen();
    this.#router.flush();
    const { options, topology, hints } = this.#shared;
    const prefixes = options.nodeDownPolicy === 'failover' ? [prefix, copyKey(prefix)] : [prefix];
    const errors = await clearPrefixes(topology.snapshot, prefixes, options.scanCount);
    for (const node of errors.keys()) hints.leave(node, hintOfPrefix(prefix));
    if (errors.size > 0) {
      const message = 'clear() did not reach every node';
      throw new PartialFailureError('DREDIS_CLEAR_INCOMPLETE', message, [...errors.values()]);
    }
  }

  /**
   * All entries of the namespace, node by node and page by page, so memory stays flat. An entry that
   * is there all the while is yielded at least once (SCAN's guarantee); one that comes or goes
   * meanwhile may or may not be. A node that fails is reported by an `error` event and left out.
   *
   * @param namespace another namespace than the store's
   */
  async *iterator<Value = StoredValue>(
    namespace?: string,
  ): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    this.#assertOpen();
    const own = namespace === undefined || namespace === this.#contract.namespace;
    const contract = own ? this.#contract : new Contract({ ...this.#shared.options, namespace });
    // That of the beginning: the namespace may change between two entries.
    const { prefix } = contract;
    const { options, topology } = this.#shared;
    const report = (error: DRedisError) => this.#report({ values: [], errors: [error] });
    for await (const [key, value] of entriesOf(topology.snapshot, prefix, options.scanCount, report)) {
      yield [contract.presentKey(key.slice(prefix.length)), value as Awaited<Value>];
    }
  }

  /**
   * The node that owns a key, to send it any Redis command: INCR, SET NX, PEXPIRE, a script.
   *
   * @param key as the user writes it, without its namespace
   */
  locate(key: string): KeyLocation {
    this.#assertOpen();
    const located = this.#contract.locateKey(key);
    const physical = physicalKey(located.prefix, located.key);
    const node = this.#router.owner(physical);
    node.wake();
    return { node: node.name, key: physical, client: node.client as unknown as RedisClientType };
  }

  /**
   * A store for another namespace over the same connections. Its `disconnect()` ends it alone; that of
   * the constructed store closes the connections of all.
   *
   * @param namespace as the option of that name; none when left out
   * @throws InvalidArgumentError for a namespace that is not a string of well-formed Unicode
   */
  withNamespace(namespace?: string): DRedisStore {
    assertNamespace(namespace);
    return new DRedisStore(undefined, { ...this.#shared.options, namespace }, this.#shared);
  }

  /**
   * Connects every node now.
   *
   * @throws PartialFailureError that names the nodes that could not be reached; the store can be used
   * all the same, and goes on trying to reach them
   */
  async connect(): Promise<void> {
    this.#assertOpen();
    await this.#shared.topology.connect();
  }

  /**
   * Goes over to another set of nodes while the store runs. Nodes with the same name and the same way
   * to connect are kept; keys that change owner are misses until they are set again (no data is
   * moved), which with one node more are one in n + 1.
   *
   * @throws InvalidOptionError for a location that is not allowed
   * @throws PartialFailureError when a new node cannot be reached; then nothing has changed
   */
  async updateNodes(locations: Locations): Promise<void> {
    this.#assertOpen();
    await this.#shared.topology.update(parseLocations(locations, this.#shared.options));
  }

  /**
   * Lets replies in flight come in, `disconnectTimeoutMs` at most, and closes the connections; clients
   * of the caller's stay open. Idempotent. Later operations reject with `DREDIS_CLOSED`.
   */
  async disconnect(): Promise<void> {
    this.#router.flush();
    this.#closed = true;
    await this.#shared.hints.sent();
    if (!this.#isFork) await this.#shared.topology.close();
  }

  /** The same as {@link DRedisStore.disconnect}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  /** For console.log: never more than names. */
  [inspect.custom](): string {
    return `DRedisStore { namespace: ${JSON.stringify(this.namespace)}, nodes: ${JSON.stringify(this.nodes)} }`;
  }

  #openTopology(locations: Locations | undefined, options: ResolvedOptions): Shared {
    const descriptions = parseLocations(locations, options);
    const listener = (node: string, { state, reason, durationMs }: NodeChange) =>
      this.#reporter.notify(`node:${state}`, node, reason, durationMs);
    const keeper: NodeKeeper = {
      admit: (node, waitedFor) => admission.admit(node, waitedFor),
      catchUp: (node) => admission.catchUp(node),
    };
    const topology = new Topology(descriptions, options, listener, keeper);
    const namespaces = new Namespaces(topology, options.ownsDatabase);
    const hints = new Hints(topology, namespaces, options.hints);
    const failsOver = options.nodeDownPolicy === 'failover';
    const admission = new Admission(topology, hints, namespaces, { ...options, failsOver });
    const limits = { keyCount: options.maxBatchSize, keyLength: MAX_BATCH_KEY_LENGTH };
    const router = new Router(topology, hints, limits, failsOver);
    return { options, topology, router, hints, namespaces };
  }

  /** @throws InvalidArgumentError for a key that cannot be stored */
  #resolveKey(key: string, contract: Contract): ResolvedKey {
    const resolved = contract.resolveKey(key);
    assertKey(resolved.key, resolved.prefix);
    return resolved;
  }

  readonly #physicalKey = (key: string, contract: Contract): string => {
    const resolved = this.#resolveKey(key, contract);
    return resolved.prefix + resolved.key;
  };

  /** The physical key of one that is about to be written: reads of it that wait are sent before. */
  readonly #writtenKey = (key: string, contract: Contract): string => {
    const resolved = this.#resolveKey(key, contract);
    this.#router.flushBefore(resolved.prefix, resolved.key);
    return resolved.prefix + resolved.key;
  };

  #assertOpen(): void {
    if (this.#closed || this.#shared.topology.closed) {
      throw new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
    }
  }

  /**
   * Makes the physical keys of a call, sends it and reports what failed: at once; where it is very large, in
   * steps. The namespace and the nodes are those of its beginning, and no key is sent before all are known to be good.
   */
  async #gather<Item, T>(
    items: readonly Item[],
    keyOf: (item: Item, contract: Contract) => string,
    send: (keys: readonly string[], snapshot: Snapshot) => Promise<Gathered<T>>,
  ): Promise<T[]> {
    this.#assertOpen();
    const { snapshot } = this.#shared.topology;
    if (items.length <= STEP) {
      const keys = items.map((item) => keyOf(item, this.#contract));
      return this.#report(await send(keys, snapshot));
    }
    const contract = this.#contract.copy();
    const release = holdAll(snapshot);
    try {
      const keys = await mapInSteps(items.slice(), (item) => keyOf(item, contract));
      return this.#report(await send(keys, snapshot));
    } finally {
      release();
    }
  }

  #report<T>({ values, errors }: Gathered<T>): T[] {
    for (const error of errors) if (!this.#isMiss(error)) this.#reporter.report(error);
    return values;
  }

  /** Keyv 5 swallows a rejected read: there we report it ourselves and answer a miss. */
  #failRead<T>(error: unknown, miss: T): T {
    if (this.#isMiss(error)) return miss;
    if (this.#contract.version === 6) throw error;
    this.#reporter.report(error as DRedisError);
    return miss;
  }

  get #missesAreFine(): boolean {
    return this.#shared.options.nodeDownPolicy !== 'error';
  }

  /** When what is written there has to expire: some time, where a node stands in for another. */
  #latestExpiry({ standsIn }: { readonly standsIn: boolean }): number | undefined {
    return standsIn ? Date.now() + this.#shared.options.failoverTtlMs : undefined;
  }

  /** Whether a failure is none: the node is down, and its keys may be misses. */
  #isMiss(error: unknown): boolean {
    return this.#missesAreFine && error instanceof NodeUnavailableError;
  }

  #warnWhenShared(): void {
    if (!this.#contract.ambiguous && !this.#contract.mixed) return;
    this.#reporter.warnOnce(
      'DREDIS_SHARED_STORE',
      'Keyv instances of different namespaces or major versions share one DRedisStore: those of the last one ' +
        'hold for all of them, and with different namespaces clear() is refused. Give each a store of its own: ' +
        'store.withNamespace(namespace).',
    );
  }
}

/** @param expiresAt milliseconds since the Unix epoch: a time that has come removes the entry; or undefined */
function write(
  commands: Commands,
  key: string,
  value: StoredValue,
  expiresAt: number | undefined,
): Promise<unknown> {
  const ttlMs = ttlUntil(expiresAt);
  return ttlMs === 0 ? commands.unlink([key]) : commands.set(key, value, ttlMs);
}

/** Writes entries of one expiry in one command. @returns whether there is such a command */
async function writeMany(
  commands: Commands,
  keys: readonly string[],
  values: readonly StoredValue[],
  expiresAt: number | undefined,
): Promise<boolean> {
  const ttlMs = ttlUntil(expiresAt);
  if (ttlMs === 0) await commands.unlink(keys);
  else if (ttlMs === undefined) await commands.mSet(keys, values);
  else return commands.mSetEx(keys, values, ttlMs);
  return true;
}

/** The sooner of two expiries, where undefined is never. */
function sooner(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** What is left when the command is sent, which for a first one is some time after the call. */
function ttlUntil(expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - Date.now());
}
