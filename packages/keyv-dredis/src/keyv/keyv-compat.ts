import type { KeyFormat } from '../config/options.js';
import { InvalidArgumentError } from '../errors/errors.js';
import { assertNamespace, escapeNamespace, keyPrefix } from '../format/keyspace.js';

/** The methods that Keyv 6 asks a store about. */
const METHODS = [
  'get',
  'getMany',
  'has',
  'hasMany',
  'set',
  'setMany',
  'delete',
  'deleteMany',
  'clear',
  'disconnect',
  'iterator',
] as const;

/**
 * What Keyv 6 reads as `store.capabilities`: the store is used as it is, and `set` takes the absolute
 * time of expiry.
 */
export const CAPABILITIES = Object.freeze({
  compatible: true,
  store: 'keyvStorage' as const,
  methods: Object.freeze(
    Object.fromEntries(METHODS.map((name) => [name, { exists: true, methodType: 'async' }])) as Record<
      (typeof METHODS)[number],
      { exists: boolean; methodType: 'async' }
    >,
  ),
  expires: true,
});

/** What expires after this (in some 285,000 years) never does as far as anybody can tell. */
const MAX_TIME = Number.MAX_SAFE_INTEGER;

/** A key as the user wrote it, and what stands before it in Redis. */
export interface ResolvedKey {
  readonly prefix: string;
  readonly key: string;
}

/**
 * What differs between Keyv 5 and Keyv 6, for one store object: who is in front of it, which form
 * keys come in, what an expiry means.
 *
 * Each major gives itself away while it takes a store, before it uses it, in one synchronous go:
 * Keyv 5 calls `on('error')`, assigns `namespace` and reads `opts`; Keyv 6 reads `capabilities`, calls
 * `on('error')` and assigns `namespace` where it has one. A read of `opts` or `capabilities` alone (a
 * debugger's, a logger's) says nothing.
 */
export class Contract {
  readonly #keyFormat: KeyFormat;
  readonly #useKeyPrefix: boolean | undefined;
  #version: 5 | 6 = 6;
  #namespace: string | undefined;
  #prefix: string;
  /** Namespaces that Keyvs in front have had, the present one included. */
  #namespaces = new Set<string>();
  #keyvCount = 0;
  #ambiguous = false;
  /** The Keyv that took the store last has no namespace of its own, and an earlier one's stands. */
  #inherited = false;
  readonly #ownNamespace: string | undefined;
  #mixed = false;
  /** The last step of a Keyv that is taking the store, until the end of the present job. */
  #step: { readonly read: 'capabilities' | 'listener'; readonly prefix: string } | undefined;
  /** Whether Keyv 5 prefixed its last key, which tells whether it strips what iterator() yields. */
  #lastKey = { prefixed: true };

  constructor(options: {
    readonly namespace?: string | undefined;
    readonly keyFormat: KeyFormat;
    readonly useKeyPrefix?: boolean | undefined;
  }) {
    this.#keyFormat = options.keyFormat;
    this.#useKeyPrefix = options.useKeyPrefix;
    this.#ownNamespace = options.namespace;
    this.#namespace = options.namespace;
    this.#prefix = keyPrefix(options.namespace, options.keyFormat);
  }

  /** Which Keyv is in front; 6 where there is none. */
  get version(): 5 | 6 {
    return this.#version;
  }

  /** What all physical keys of the present namespace begin with. */
  get prefix(): string {
    return this.#prefix;
  }

  /** The namespace as `store.namespace` reads. */
  get namespace(): string | undefined {
    // Keyv 5 looks for it in the keys that iterator() yields, where it stands escaped.
    return this.#version === 5 && this.#namespace ? escapeNamespace(this.#namespace) : this.#namespace;
  }

  /** Keyv instances with different namespaces share the store. */
  get ambiguous(): boolean {
    return this.#ambiguous || this.#inherited;
  }

  /** A Keyv 5 and a Keyv 6 share the store: keys and expiries of one are read as the other's. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** The same as it is now, for a call that ends later: whoever changes the namespace does not mean it. */
  copy(): Contract {
    const copy = new Contract({ keyFormat: this.#keyFormat, useKeyPrefix: this.#useKeyPrefix });
    copy.#version = this.#version;
    copy.#namespace = this.#namespace;
    copy.#prefix = this.#prefix;
    copy.#namespaces = new Set(this.#namespaces);
    copy.#ambiguous = this.#ambiguous;
    copy.#inherited = this.#inherited;
    copy.#lastKey = this.#lastKey;
    return copy;
  }

  /** @throws InvalidArgumentError for a namespace that is no well-formed string */
  assignNamespace(namespace: string | undefined): void {
    assertNamespace(namespace);
    const before = this.#prefix;
    // A single Keyv has one at a time, however often it changes.
    if (this.#keyvCount < 2) this.#namespaces = new Set(this.#namespace ? [this.#namespace] : []);
    this.#namespace = namespace;
    this.#prefix = keyPrefix(namespace, this.#keyFormat);
    this.#inherited = false;
    if (namespace) this.#namespaces.add(namespace);
    this.#noticeSharing(before);
  }

  /** `store.capabilities` was read. */
  capabilitiesRead(): void {
    this.#remember('capabilities');
  }

  /** `store.on('error', …)` was called. */
  errorListenerAdded(): void {
    if (this.#step?.read === 'capabilities') {
      this.#step = undefined;
      this.#taken(6);
    } else {
      this.#remember('listener');
    }
  }

  /** `store.opts` was read. */
  optsRead(): void {
    if (this.#step?.read !== 'listener') return;
    const { prefix } = this.#step;
    this.#step = undefined;
    this.#taken(5);
    this.#noticeSharing(prefix);
  }

  /**
   * The key as the user wrote it, and the prefix of its physical key. Keyv 5 prefixes keys itself,
   * with the namespace as the user wrote it: the prefix is taken off, so that both majors meet in one
   * physical key.
   */
  locateKey(key: string): ResolvedKey {
    if (this.#version === 6 || !this.#namespace || typeof key !== 'string')
      return { prefix: this.#prefix, key };
    if (this.#useKeyPrefix === false) return { prefix: this.#prefix, key };
    const namespace = this.#namespaceOf(key);
    if (namespace === undefined) return { prefix: this.#prefix, key };
    return { prefix: keyPrefix(namespace, this.#keyFormat), key: key.slice(namespace.length + 1) };
  }

  /** The same for a key that Keyv hands over, which shows as well whether that Keyv prefixes. */
  resolveKey(key: string): ResolvedKey {
    const resolved = this.locateKey(key);
    if (this.#version === 5 && this.#namespace) this.#lastKey.prefixed = resolved.key !== key;
    return resolved;
  }

  /** A key as iterator() yields it: Keyv 5 cuts off all up to the first colon, unless told not to prefix. */
  presentKey(key: string): string {
    const strips = this.#version === 5 && (this.#useKeyPrefix ?? this.#lastKey.prefixed);
    return strips ? keyPrefix(this.#namespace, 'default') + key : key;
  }

  /**
   * When an entry expires, in whole milliseconds since the Unix epoch; undefined when it never does.
   *
   * @param expiry under Keyv 5 milliseconds from now, else milliseconds since the Unix epoch
   * @param now milliseconds since the Unix epoch
   * @throws InvalidArgumentError for what is no number
   */
  expiresAt(expiry: number | null | undefined, now: number): number | undefined {
    if (expiry === undefined || expiry === null) return undefined;
    if (typeof expiry !== 'number') {
      throw new InvalidArgumentError(`An expiry must be a number of milliseconds, got ${typeof expiry}`);
    }
    if (!Number.isFinite(expiry)) return undefined;
    const ttlMs = Math.ceil(this.#version === 5 ? expiry : expiry - now);
    const expiresAt = now + Math.max(0, ttlMs);
    return expiresAt > MAX_TIME ? undefined : expiresAt;
  }

  /** The namespace whose prefix Keyv 5 put before the key: the present one first, then the longest. */
  #namespaceOf(key: string): string | undefined {
    if (key.startsWith(`${this.#namespace}:`)) return this.#namespace;
    if (!this.ambiguous) return undefined;
    return [...this.#namespaces]
      .filter((namespace) => key.startsWith(`${namespace}:`))
      .sort((one, other) => other.length - one.length)[0];
  }

  #remember(read: 'capabilities' | 'listener'): void {
    const step = { read, prefix: this.#prefix };
    this.#step = step;
    queueMicrotask(() => {
      if (this.#step === step) this.#step = undefined;
    });
  }

  #taken(version: 5 | 6): void {
    if (this.#keyvCount > 0 && version !== this.#version) this.#mixed = true;
    // Until it assigns one, which Keyv 6 does right after, if at all.
    this.#inherited = version === 6 && this.#keyvCount > 0 && this.#namespace !== this.#ownNamespace;
    this.#version = version;
    this.#keyvCount += 1;
  }

  /** One Keyv may change its namespace; when there are two, the other one did not ask for it. */
  #noticeSharing(before: string): void {
    if (this.#keyvCount >= 2 && this.#prefix !== before) this.#ambiguous = true;
  }
}
