import { assertNamespace, escapeNamespace, keyPrefix } from '../format/keyspace.js';
import { CallingConvention, type KeyOptions } from './calling-convention.js';

/** Options of {@link KeyvCompat}. */
export interface KeyvCompatOptions extends KeyOptions {
  readonly namespace?: string | undefined;
}

/**
 * Detects which Keyv uses one store object, and with which namespace, and whether several share it.
 *
 * Each major version identifies itself when it takes a store, in one synchronous sequence: Keyv 5 calls
 * `on('error')`, assigns `namespace` and reads `opts`; Keyv 6 reads `capabilities`, calls `on('error')`, and
 * assigns `namespace` if it has one. Reading `opts` or `capabilities` alone, as a debugger or a logger does,
 * identifies nothing.
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
  /** The last Keyv has no namespace of its own, so it uses the namespace of an earlier one. */
  #isInherited = false;
  #isMixed = false;
  /** Last step of a Keyv that is taking the store, until the end of the current job. */
  #step: { readonly read: 'capabilities' | 'listener'; readonly prefix: string } | undefined;

  constructor(options: KeyvCompatOptions) {
    this.#options = options;
    this.#namespace = options.namespace;
    this.#convention = this.#makeConvention();
  }

  /** How the Keyv that uses the store passes keys and expiries. */
  get convention(): CallingConvention {
    return this.#convention;
  }

  /** This object for the current namespace; one without a Keyv for another namespace. */
  forNamespace(namespace: string | undefined): KeyvCompat {
    if (namespace === undefined || namespace === this.namespace) return this;
    return new KeyvCompat({ ...this.#options, namespace });
  }

  /**
   * A key as `iterator()` yields it. Keyv 5 strips its current namespace from the key if it prefixes keys.
   *
   * @param key without its namespace
   */
  presentKey(key: string): string {
    const strips = this.#version === 5 && (this.#options.useKeyPrefix ?? this.#lastKey.prefixed);
    return strips ? keyPrefix(this.#namespace, 'default') + key : key;
  }

  /** The namespace as `store.namespace` returns it. */
  get namespace(): string | undefined {
    // Keyv 5 looks for it in the keys that iterator() yields, and there it is escaped.
    return this.#version === 5 && this.#namespace ? escapeNamespace(this.#namespace) : this.#namespace;
  }

  /** Whether Keyv instances with different namespaces share the store. */
  get isAmbiguous(): boolean {
    return this.#hasSeveralNamespaces || this.#isInherited;
  }

  /** Whether a Keyv 5 and a Keyv 6 share the store. Each would misread keys and expiries of the other. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** @throws InvalidArgumentError for a namespace that is not a string of well-formed Unicode, or undefined */
  assignNamespace(namespace: string | undefined): void {
    assertNamespace(namespace);
    const before = this.#convention.prefix;
    // A single Keyv can change its namespace: only the current one counts.
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
    queueMicrotask(() => {
      if (this.#step === step) this.#step = undefined;
    });
  }

  #takenBy(version: 5 | 6): void {
    if (this.#keyvCount > 0 && version !== this.#version) this.#isMixed = true;
    // Keyv 6 assigns a namespace right after this, if it has one.
    this.#isInherited = version === 6 && this.#keyvCount > 0 && this.#namespace !== this.#options.namespace;
    this.#version = version;
    this.#keyvCount += 1;
    this.#convention = this.#makeConvention();
  }

  /** If a second Keyv changed the prefix, the first one has lost its own. */
  #detectSharing(before: string): void {
    if (this.#keyvCount < 2 || this.#convention.prefix === before) return;
    this.#hasSeveralNamespaces = true;
    this.#convention = this.#makeConvention();
  }

  #makeConvention(): CallingConvention {
    return new CallingConvention({
      version: this.#version,
      namespace: this.#namespace,
      otherNamespaces: this.isAmbiguous ? [...this.#namespaces] : [],
      lastKey: this.#lastKey,
      keyFormat: this.#options.keyFormat,
      useKeyPrefix: this.#options.useKeyPrefix,
    });
  }
}
