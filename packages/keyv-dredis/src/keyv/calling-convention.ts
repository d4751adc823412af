import { InvalidArgumentError } from '../errors/errors.js';
import { assertKey, type KeyFormat, keyPrefix, physicalKey } from '../format/keyspace.js';

/** An entry that expires later than this, in some 285,000 years, never expires. */
const MAX_TIME = Number.MAX_SAFE_INTEGER;

/** Options of a store that decide how its keys are read. */
export interface KeyOptions {
  readonly keyFormat: KeyFormat;
  readonly useKeyPrefix?: boolean | undefined;
}

/** State of a {@link CallingConvention}. */
export interface ConventionState extends KeyOptions {
  /** Major version of the Keyv that uses the store; 6 without Keyv. */
  readonly version: 5 | 6;
  readonly namespace: string | undefined;
  /** Namespaces of other Keyv instances that share the store; empty if they all have the same. */
  readonly otherNamespaces: readonly string[];
  /** Whether Keyv 5 prefixed its last key. Shared by all conventions of a store. */
  readonly lastKey: { prefixed: boolean };
}

/**
 * How the Keyv that uses the store passes keys and expiries. Immutable: a call that takes several turns of
 * the event loop keeps the one that it started with.
 */
export class CallingConvention {
  readonly version: 5 | 6;
  /** Prefix of all physical keys of the namespace. */
  readonly prefix: string;
  readonly #state: ConventionState;
  /** Prefix of keys as Keyv 5 passes them; undefined if keys come without one. */
  readonly #givenPrefix: string | undefined;

  constructor(state: ConventionState) {
    this.#state = state;
    this.version = state.version;
    this.prefix = keyPrefix(state.namespace, state.keyFormat);
    const prefixes = state.version === 5 && state.namespace && state.useKeyPrefix !== false;
    this.#givenPrefix = prefixes ? `${state.namespace}:` : undefined;
  }

  /**
   * The physical key of a key that Keyv passes. Keyv 5 prefixes keys with the namespace itself: that prefix
   * is removed, so that both majors give the same physical key.
   *
   * @throws InvalidArgumentError for a key that cannot be stored
   */
  physicalKey(key: string): string {
    const namespace = this.#namespaceOf(key);
    // A Keyv that prefixes keys also strips the prefix from keys of iterator().
    if (this.#givenPrefix !== undefined) this.#state.lastKey.prefixed = namespace !== undefined;
    return this.#join(namespace, key);
  }

  /** The same for a key that the user passes to `locate()`. */
  locate(key: string): string {
    return this.#join(this.#namespaceOf(key), key);
  }

  /**
   * When an entry expires, in whole milliseconds since the Unix epoch; undefined if it never expires.
   *
   * @param expiry milliseconds from now under Keyv 5, else milliseconds since the Unix epoch; not a finite
   * number means never
   * @param now milliseconds since the Unix epoch
   * @throws InvalidArgumentError for a value that is not a number
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

  /** @param namespace the namespace that Keyv put before the key, if it did */
  #join(namespace: string | undefined, key: string): string {
    if (namespace === undefined) return physicalKey(this.prefix, key);
    // Without characters to escape, the key of Keyv 5 is the physical key.
    if (namespace === this.#state.namespace && this.#givenPrefix === this.prefix) {
      assertKey(key, this.prefix);
      return key;
    }
    return physicalKey(keyPrefix(namespace, this.#state.keyFormat), key.slice(namespace.length + 1));
  }

  /** The namespace that Keyv 5 put before a key: its own one first, then the longest that matches. */
  #namespaceOf(key: string): string | undefined {
    if (this.#givenPrefix === undefined || typeof key !== 'string') return undefined;
    const { namespace, otherNamespaces } = this.#state;
    if (key.startsWith(this.#givenPrefix)) return namespace;
    if (otherNamespaces.length === 0) return undefined;
    return otherNamespaces
      .filter((other) => key.startsWith(`${other}:`))
      .sort((one, other) => other.length - one.length)[0];
  }
}
