import { assertNamespace, escapeNamespace, keyPrefix } from '../format/keyspace.js';
import { timers } from '../timers.js';
import { CallingConvention, type KeyOptions } from './calling-convention.js';

/** Options of {@link KeyvCompat}. */
export interface KeyvCompatOptions extends KeyOptions {
  readonly namespace?: string | undefined;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Detects which version of Keyv uses a store, which namespace that Keyv uses, and whether several Keyv
 * instances share the store.
 *
 * When a Keyv gets a store, it makes a synchronous sequence of calls that is typical of its major version.
 * Keyv 5 calls `on('error')`, assigns `namespace` and reads `opts`. Keyv 6 reads `capabilities`, calls
 * `on('error')`, and assigns `namespace` if it has one. A single read of `opts` or `capabilities` is ignored,
 * because a debugger or a logger may also read them.
 */
export class KeyvCompat {
  readonly #options: KeyvCompatOptions;
  readonly #lastKey = { prefixed: true };
  #version: 5 | 6 = 6;
  #namespace: string | undefined;
  #convention: CallingConvention;
  /** Namespaces of all Keyv instances that use the store. */
  #namespaces = new Set<string>();
  #keyvCount = 0;
  #hasSeveralNamespaces = false;
  /** The last Keyv has no namespace of its own, so it uses the namespace that an earlier Keyv assigned. */
  #isInherited = false;
  #isMixed = false;
  /**
   * Last call in the sequence that a Keyv makes when it gets the store. Cleared when the current job ends.
   */
  #step: { readonly read: 'capabilities' | 'listener'; readonly prefix: string } | undefined;

  /** @throws InvalidArgumentError if the namespace is not allowed */
  constructor(options: KeyvCompatOptions) {
    assertNamespace(options.namespace, options);
    this.#options = options;
    this.#namespace = options.namespace;
    this.#convention = this.#makeConvention();
  }

  /** The form in which Keyv passes keys and expiries to the store. */
  get convention(): CallingConvention {
    return this.#convention;
  }

  /**
   * Returns this object if the namespace is undefined or the current one. Otherwise, returns a new object,
   * which no Keyv uses.
   */
  forNamespace(namespace: string | undefined): KeyvCompat {
    if (namespace === undefined || namespace === this.namespace) return this;
    return new KeyvCompat({ ...this.#options, namespace });
  }

  /**
   * Converts a key for `iterator()`. If Keyv 5 adds a prefix to keys, it also strips the prefix from the keys
   * that `iterator()` yields, so this method adds the prefix, unless the physical key has kept it.
   *
   * @param key without its namespace
   */
  presentKey(key: string): string {
    const { useKeyPrefix, keyFormat } = this.#options;
    const strips = this.#version === 5 && (useKeyPrefix ?? this.#lastKey.prefixed);
    if (!strips || keyFormat === 'keyv-redis') return key;
    return keyPrefix(this.#namespace, { ...this.#options, keyFormat: 'default' }) + key;
  }

  /** The namespace that `store.namespace` returns. */
  get namespace(): string | undefined {
    // Keyv 5 looks for the namespace in the keys that iterator() yields. These keys contain the escaped
    // namespace, except in the format of @keyv/redis.
    const isEscaped = this.#version === 5 && this.#options.keyFormat !== 'keyv-redis';
    return isEscaped && this.#namespace ? escapeNamespace(this.#namespace) : this.#namespace;
  }

  /** Prefixes of the physical keys that the store may write. */
  get prefixes(): ReadonlySet<string> {
    const others = [...this.#namespaces].map((namespace) => keyPrefix(namespace, this.#options));
    return new Set([this.#convention.prefix, ...others]);
  }

  /** Whether Keyv instances with different namespaces share the store. */
  get isAmbiguous(): boolean {
    return this.#hasSeveralNamespaces || this.#isInherited;
  }

  /**
   * Whether a Keyv 5 and a Keyv 6 share the store. If so, the store misinterprets keys and expiries from one
   * of them.
   */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** @throws InvalidArgumentError if the namespace is not allowed */
  assignNamespace(namespace: string | undefined): void {
    assertNamespace(namespace, this.#options);
    const before = this.#convention.prefix;
    // If only one Keyv uses the store, it may change its namespace, and only the current namespace counts.
    if (this.#keyvCount < 2) this.#namespaces = new Set(this.#namespace ? [this.#namespace] : []);
    this.#namespace = namespace;
    this.#isInherited = false;
    if (namespace) this.#namespaces.add(namespace);
    this.#convention = this.#makeConvention();
    this.#detectSharing(before);
  }

  /** Records that `store.capabilities` was read. */
  capabilitiesRead(): void {
    this.#remember('capabilities');
  }

  /** Records that `store.on('error', ...)` was called. */
  errorListenerAdded(): void {
    if (this.#step?.read === 'capabilities') {
      this.#step = undefined;
      this.#takenBy(6);
    } else {
      this.#remember('listener');
    }
  }

  /** Records that `store.opts` was read. */
  optsRead(): void {
    if (this.#step?.read !== 'listener') return;
    const { prefix } = this.#step;
    this.#step = undefined;
    this.#takenBy(5);
    this.#detectSharing(prefix);
  }

  #remember(read: 'capabilities' | 'listener'): void {
    const step = { read, prefix: this.#convention.prefix };
    this.#step = step;
    timers.queueMicrotask(() => {
      if (this.#step === step) this.#step = undefined;
    });
  }

  #takenBy(version: 5 | 6): void {
    if (this.#keyvCount > 0 && version !== this.#version) this.#isMixed = true;
    // If a Keyv 6 has a namespace, it assigns the namespace right after this.
    this.#isInherited = version === 6 && this.#keyvCount > 0 && this.#namespace !== this.#options.namespace;
    this.#version = version;
    this.#keyvCount += 1;
    this.#convention = this.#makeConvention();
  }

  /** Detects whether a second Keyv has changed the prefix. If so, the first Keyv has lost its own prefix. */
  #detectSharing(before: string): void {
    if (this.#keyvCount < 2 || this.#convention.prefix === before) return;
    this.#hasSeveralNamespaces = true;
    this.#convention = this.#makeConvention();
  }

  #makeConvention(): CallingConvention {
    return new CallingConvention({
      ...this.#options,
      version: this.#version,
      namespace: this.#namespace,
      otherNamespaces: this.isAmbiguous ? this.#namespaces : NONE,
      lastKey: this.#lastKey,
    });
  }
}
