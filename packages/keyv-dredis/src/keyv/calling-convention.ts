import { InvalidArgumentError } from '../errors/errors.js';
import { assertKey, type KeyFormat, keyPrefix, physicalKey } from '../format/keyspace.js';

/** An expiry after this time, some 285,000 years from now, counts as never. */
const MAX_TIME = Number.MAX_SAFE_INTEGER;

/** Store options that decide how keys from Keyv are interpreted. */
export interface KeyOptions {
  readonly keyFormat: KeyFormat;
  readonly useKeyPrefix?: boolean | undefined;
}

/** State of a {@link CallingConvention}. */
export interface ConventionState extends KeyOptions {
  /** Major version of the Keyv that uses the store; 6 without Keyv. */
  readonly version: 5 | 6;
  readonly namespace: string | undefined;
  /** Namespaces of the Keyv instances that share the store; empty unless they differ. */
  readonly otherNamespaces: ReadonlySet<string>;
  /** Whether Keyv 5 prefixed its last key. Shared by all conventions of a store. */
  readonly lastKey: { prefixed: boolean };
}

/**
 * How Keyv passes keys and expiries to the store. Immutable: a call uses the same convention from start to
 * finish, even if the call takes several turns of the event loop.
 */
export class CallingConvention {
  readonly version: 5 | 6;
  /** Prefix of the namespace's physical keys. */
  readonly prefix: string;
  readonly #state: ConventionState;
  /** Prefix that Keyv 5 adds to the keys that it passes; undefined if it adds none. */
  readonly #givenPrefix: string | undefined;

  constructor(state: ConventionState) {
    this.#state = state;
    this.version = state.version;
    this.prefix = keyPrefix(state.namespace, state.keyFormat);
    const prefixes = state.version === 5 && state.namespace && state.useKeyPrefix !== false;
    this.#givenPrefix = prefixes ? `${state.namespace}:` : undefined;
  }

  /**
   * The physical key for a key that Keyv passes. Keyv 5 has already added the namespace to the key. This
   * method removes that prefix, so that Keyv 5 and Keyv 6 use the same physical keys.
   *
   * @throws InvalidArgumentError if the key cannot be stored
   */
  physicalKey(key: string): string {
    if (this.#givenPrefix === undefined) return physicalKey(this.prefix, key);
    const namespace = this.#namespaceOf(key);
    // Needed for iterator(): if Keyv adds a prefix to keys, it also strips that prefix from the keys that
    // iterator() yields.
    this.#state.lastKey.prefixed = namespace !== undefined;
    return this.#join(namespace, key);
  }

  /** The physical key for a key that the user passes to `locate()`. */
  locate(key: string): string {
    return this.#join(this.#namespaceOf(key), key);
  }

  /**
   * An entry's expiry, in whole milliseconds since the Unix epoch; undefined if it never expires.
   *
   * @param expiry milliseconds from now under Keyv 5, else milliseconds since the Unix epoch; undefined, null
   * or a number that is not finite means never
   * @param now milliseconds since the Unix epoch
   * @throws InvalidArgumentError if the expiry has another type
   */
  expiresAt(expiry: number | null | undefined, now: number): number | undefined {
    if (expiry === undefined || expiry === null) return undefined;
    if (typeof expiry !== 'number') {
      throw new InvalidArgumentError(`An expiry must be a number of milliseconds, got ${typeof expiry}`);
    }
    if (!Number.isFinite(expiry)) return undefined;
    const ttlMs = Math.ceil(this.version === 5 ? expiry : expiry - now);
    const expiresAt = now + Math.max(0, ttlMs);
    return expiresAt > MAX_TIME ? undefined : expiresAt;
  }

  /** @param namespace the namespace that Keyv added to the key; undefined if it added none */
  #join(namespace: string | undefined, key: string): string {
    if (namespace === undefined) return physicalKey(this.prefix, key);
    // If the namespace needs no escaping, the key from Keyv 5 already is the physical key.
    if (namespace === this.#state.namespace && this.#givenPrefix === this.prefix) {
      assertKey(key, this.prefix);
      return key;
    }
    return physicalKey(keyPrefix(namespace, this.#state.keyFormat), key.slice(namespace.length + 1));
  }

  /**
   * The namespace that Keyv 5 added to a key. Tries the current namespace first, and then the other
   * namespaces, from the longest to the shortest.
   */
  #namespaceOf(key: string): string | undefined {
    if (this.#givenPrefix === undefined || typeof key !== 'string') return undefined;
    const { namespace, otherNamespaces } = this.#state;
    if (key.startsWith(this.#givenPrefix)) return namespace;
    if (otherNamespaces.size === 0) return undefined;
    return [...otherNamespaces]
      .filter((other) => key.startsWith(`${other}:`))
      .sort((one, other) => other.length - one.length)[0];
  }
}
