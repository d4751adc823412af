import { inspect } from 'node:util';
import type { RedisClientType } from 'redis';
import type { Locations } from './config/locations.js';
import { DRedisError } from './errors/errors.js';
import { Reporter } from './errors/reporter.js';
import { encodeValue, type StoredValue } from './format/values.js';
import { CAPABILITIES, type StoreCapabilities } from './keyv/capabilities.js';
import { FailurePolicy } from './keyv/failure-policy.js';
import { KeyvCompat } from './keyv/keyv-compat.js';
import { assertClearable, warnIfShared, warnIfSharedSoon } from './keyv/sharing.js';
import { StoreEvents } from './keyv/store-events.js';
import type { ChangeSummary, ReshardOptions } from './membership/change-types.js';
import type { StoreStatus } from './node/node-status.js';
import type { Runtime } from './runtime.js';
import { ownerOf } from './sharding/topology.js';
import type { ForBothKeyvs, KeyLocation, StoreEntry } from './types.js';

/** A store for one namespace, created by `withNamespace()`. It shares a {@link DRedisStore}'s connections. */
export class NamespacedStore extends StoreEvents {
  readonly #runtime: Runtime;
  readonly #compat: KeyvCompat;
  readonly #reporter: Reporter;
  readonly #failures: FailurePolicy;
  readonly #ownsRuntime: boolean;
  /** Always the same object, because users such as the official test suite write to it. */
  readonly #opts: Record<string, unknown> = { dialect: 'redis' };
  #closed = false;

  /** @internal @param ownsRuntime the constructed store emits node events and closes the connections */
  constructor(runtime: Runtime, namespace: string | undefined, ownsRuntime: boolean) {
    super();
    this.#ownsRuntime = ownsRuntime;
    this.#runtime = runtime;
    this.#compat = new KeyvCompat({ ...runtime.options, namespace });
    this.#reporter = new Reporter(this);
    this.#failures = new FailurePolicy(this.#compat, this.#reporter, runtime.options);
    runtime.namespaces.use(this, this.#compat.prefixes);
    if (ownsRuntime) runtime.emitNodeEvents(this.#reporter);
  }

  /** Node names, in the order of the locations. */
  get nodes(): readonly string[] {
    return this.#runtime.topology.snapshot.names;
  }

  /** The topology that this process uses, and each node's state. */
  status(): StoreStatus {
    return this.#runtime.status;
  }

  /** The last namespace that a Keyv assigned, or the option `namespace`; percent-encoded under Keyv 5. */
  get namespace(): string | undefined {
    return this.#compat.namespace;
  }

  /** @throws InvalidArgumentError under the same conditions as `withNamespace()` */
  set namespace(namespace: string | undefined) {
    this.#compat.assignNamespace(namespace);
    this.#runtime.namespaces.use(this, this.#compat.prefixes);
    warnIfShared(this.#compat, this.#reporter);
  }

  /** Read by Keyv 5. Holds no credentials. */
  get opts(): Record<string, unknown> {
    this.#compat.optsRead();
    warnIfShared(this.#compat, this.#reporter);
    return this.#opts;
  }

  /** Read by Keyv 6. */
  get capabilities(): StoreCapabilities {
    this.#compat.capabilitiesRead();
    return CAPABILITIES;
  }

  /** @internal */
  protected override errorListenerAdded(): void {
    this.#compat.errorListenerAdded();
    warnIfSharedSoon(this.#compat, this.#reporter);
  }

  /**
   * Reads a value; undefined if the key does not exist.
   *
   * @throws DRedisError; under Keyv 5, without `throwOnErrors`, a failure emits an `error` event and is a miss
   */
  get<Value = StoredValue>(key: string): Promise<Value | undefined> {
    return this.#failures.read(this.#get, key, undefined) as Promise<Value | undefined>;
  }

  /** Reads many values, in the order of the keys; undefined if a value is missing or its node failed. */
  getMany<Value = StoredValue>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    const read = () => this.#runtime.scatter.getMany(keys, this.#toPhysicalKey());
    return this.#failures.manyReads(read) as Promise<(Value | undefined)[]>;
  }

  /** Whether a key exists. @throws DRedisError; under Keyv 5, emits an `error` event, and the result is false */
  has(key: string): Promise<boolean> {
    return this.#failures.read(this.#has, key, false);
  }

  /** Whether each key exists, in the order of the keys. */
  hasMany(keys: readonly string[]): Promise<boolean[]> {
    return this.#failures.manyReads(() => this.#runtime.scatter.hasMany(keys, this.#toPhysicalKey()));
  }

  /**
   * Stores a value.
   *
   * @param value a string or a Buffer; `get` returns the same type
   * @param expiry milliseconds since the Unix epoch, not before September 2001 (under Keyv 5, milliseconds from
   * now); a time in the past removes the key; if it is undefined or not finite, the entry never expires
   * @returns true, or false if the node is down and `nodeDownPolicy` is `'miss'`
   * @throws DRedisError
   */
  set(key: string, value: unknown, expiry?: number): Promise<boolean> {
    return this.#failures.write(() => {
      const physicalKey = this.#physicalKey(key);
      const expiresAt = this.#compat.convention.expiresAt(expiry, Date.now());
      return this.#runtime.router.set(physicalKey, encodeValue(value, this.#runtime.options), expiresAt);
    });
  }

  /**
   * Stores many entries. If no entry expires, sends one MSET per node. If all entries expire at the same time
   * and the server supports MSETEX, sends one MSETEX per node. Otherwise, sends one SET per entry. If a key
   * occurs twice, the later entry wins.
   *
   * @returns whether each entry was stored, in the order of the entries
   */
  setMany(entries: readonly StoreEntry[]): Promise<ForBothKeyvs<boolean[], void>>;
  setMany(entries: readonly StoreEntry[]): Promise<boolean[]> {
    return this.#failures.manyWrites(() => {
      const now = Date.now();
      const { convention } = this.#compat;
      const toPhysicalKey = this.#toPhysicalKey();
      return this.#runtime.scatter.setMany(entries, ({ key, value, expires, ttl }) => ({
        key: toPhysicalKey(key),
        value: encodeValue(value, this.#runtime.options),
        expiresAt: convention.expiresAt(convention.version === 5 ? ttl : expires, now),
      }));
    });
  }

  /**
   * Removes a key.
   *
   * @returns whether the key existed
   * @throws DRedisError
   */
  delete(key: string): Promise<boolean> {
    return this.#failures.write(() => this.#runtime.router.delete(this.#physicalKey(key)));
  }

  /**
   * Removes many keys.
   *
   * @returns whether each key existed, in the order of the keys; under Keyv 5, whether all existed
   */
  deleteMany(keys: readonly string[]): Promise<ForBothKeyvs<boolean[], boolean>>;
  async deleteMany(keys: readonly string[]): Promise<boolean[] | boolean> {
    const remove = () => this.#runtime.scatter.deleteMany(keys, this.#toPhysicalKey());
    const deleted = await this.#failures.manyWrites(remove);
    return this.#compat.convention.version === 5 ? deleted.every(Boolean) : deleted;
  }

  /**
   * Removes all of the namespace's entries from all nodes. O(n) in the number of keys in the databases.
   *
   * @throws PartialFailureError with the names of the nodes that were not cleared
   * @throws DRedisError if the call might remove keys that do not belong to the namespace
   */
  async clear(): Promise<void> {
    assertClearable(this.#compat, this.#runtime.options.ownsDatabase);
    this.#assertOpen();
    this.#runtime.batcher.flush();
    await this.#runtime.scanner.clear(this.#compat.convention.prefix);
  }

  /**
   * Yields all entries of a namespace, page by page. Default: the store's namespace. An entry that exists
   * during the whole iteration is yielded at least once. If a node fails, it is skipped and an `error` event
   * is emitted.
   */
  iterator<Value = StoredValue>(
    namespace?: string,
  ): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    return this.#runtime.iterators.iterate({
      begin: () => {
        this.#assertOpen();
        this.#runtime.batcher.flush();
        return this.#compat.forNamespace(namespace);
      },
      assertOpen: () => this.#assertOpen(),
      onError: this.#failures.nodeSkipped,
    });
  }

  /**
   * The node that owns a key, and the node's client, which can send any Redis command.
   *
   * @throws DRedisError if the key cannot be stored
   */
  locate(key: string): KeyLocation {
    this.#assertOpen();
    const physicalKey = this.#compat.convention.locate(key);
    this.#runtime.batcher.flush();
    const node = ownerOf(physicalKey, this.#runtime.topology.snapshot);
    void node.wake();
    return { node: node.name, key: physicalKey, client: node.client as unknown as RedisClientType };
  }

  /**
   * Creates a store for another namespace. Both stores use the same connections, and only `disconnect()` on
   * the original {@link DRedisStore} closes them.
   *
   * @param namespace default: none, like the option `namespace`
   * @throws InvalidArgumentError if the namespace is not a well-formed Unicode string that `keyFormat` can store
   */
  withNamespace(namespace?: string): NamespacedStore {
    return new NamespacedStore(this.#runtime, namespace, false);
  }

  /**
   * Connects to every node now instead of on the first operation.
   *
   * @throws PartialFailureError with the names of the unreachable nodes; retries continue in the background
   */
  async connect(): Promise<void> {
    this.#assertOpen();
    await this.#runtime.connect();
  }

  /**
   * Changes the nodes of the cache for all processes that use it, while they run. Moves the entries that get another
   * owner, so that no read misses them or finds an older value.
   *
   * @param locations all nodes after the change
   * @throws InvalidOptionError, or ChangeRefusedError if the change cannot begin; then nothing has changed
   * @throws ChangeLostError if another process has begun another change
   * @throws ChangeIncompleteError if the change stopped before its end; call again to go on
   */
  async reshard(locations: Locations, options: ReshardOptions = {}): Promise<ChangeSummary> {
    this.#assertOpen();
    return this.#runtime.reshard(locations, options);
  }

  /**
   * Replaces the nodes of this process alone. No data is moved, so a key that gets another owner is a
   * miss until it is set again. If you add a node to n nodes, about 1 key in n + 1 gets another owner.
   *
   * @throws InvalidOptionError; DRedisError if all processes follow a topology that `reshard()` has changed
   * @throws PartialFailureError if a new node cannot be reached; then nothing changes
   */
  async updateNodes(locations: Locations): Promise<void> {
    this.#assertOpen();
    await this.#runtime.updateNodes(locations);
  }

  /**
   * Closes the store: later operations reject with `DREDIS_CLOSED`. The original {@link DRedisStore} also
   * waits for replies in flight, and then closes its connections, but not the caller's clients. Idempotent.
   */
  async disconnect(): Promise<void> {
    this.#runtime.batcher.flush();
    this.#closed = true;
    await (this.#ownsRuntime ? this.#runtime.close() : this.#runtime.namespaces.release(this));
  }

  /** The same as `disconnect()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  /** Output for console.log: only names. */
  [inspect.custom](): string {
    return `DRedisStore { namespace: ${JSON.stringify(this.namespace)}, nodes: ${JSON.stringify(this.nodes)} }`;
  }

  #assertOpen(): void {
    if (this.#closed || this.#runtime.nodes.closed) {
      throw new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
    }
  }

  readonly #get = (key: string) => this.#runtime.router.get(this.#physicalKey(key));
  readonly #has = (key: string) => this.#runtime.router.has(this.#physicalKey(key));

  #physicalKey(key: string): string {
    this.#assertOpen();
    return this.#compat.convention.physicalKey(key);
  }

  /** Captures the namespace, because it may change between two chunks of a call. */
  #toPhysicalKey(): (key: string) => string {
    this.#assertOpen();
    const { convention } = this.#compat;
    return (key) => convention.physicalKey(key);
  }
}
