import { InvalidArgumentError } from '../errors/errors.js';
import { assertKey, keyPrefix, type PrefixOptions, physicalKey } from '../format/keyspace.js';

/** An expiry after this time, some 285,000 years from now, counts as never. */
const MAX_TIME = Number.MAX_SAFE_INTEGER;

/**
 * 2001-09-09, in milliseconds since the Unix epoch. An earlier time is a duration, or a time in seconds, that
 * was passed by mistake. A duration would have to be longer than 31 years to be taken for a time.
 */
const MIN_TIME = 1e12;

/** Store options that decide how keys from Keyv are interpreted. */
export interface KeyOptions extends PrefixOptions {
  readonly useKeyPrefix?: boolean | undefined;
  readonly ownsDatabase?: boolean | undefined;
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
    this.prefix = keyPrefix(state.namespace, state);
    const prefixes = state.version === 5 && state.namespace && state.useKeyPrefix !== false;
    this.#givenPrefix = prefixes ? `${state.namespace}:` : undefined;
  }

  /**
   * The physical key for a key that Keyv passes. Keyv 5 has already added the namespace to the key. This
   * method removes that prefix, so that Keyv 5 and Keyv 6 use the same physical keys. `@keyv/redis` keeps the
   * prefix, and so does its format.
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
    if (this.#state.keyFormat === 'keyv-redis') return physicalKey(this.prefix, this.#asPassed(key));
    return this.#join(this.#namespaceOf(key), key);
  }

  /**
   * Whether `iterator()` yields a key with this prefix. In the format of `@keyv/redis`, a key that contains the
   * separator belongs to a namespace.
   */
  isListed(physicalKey: string): boolean {
    const { keyFormat, keySeparator, ownsDatabase } = this.#state;
    if (this.prefix !== '' || keyFormat !== 'keyv-redis' || ownsDatabase) return true;
    return !physicalKey.includes(keySeparator);
  }

  /**
   * An entry's expiry, in whole milliseconds since the Unix epoch; undefined if it never expires.
   *
   * @param given milliseconds from now under Keyv 5, else milliseconds since the Unix epoch; undefined, null or
   * a number that is not finite means never
   * @param now milliseconds since the Unix epoch
   * @throws InvalidArgumentError if the expiry has another type, or if it is a duration in place of a time
   */
  expiresAt(given: number | null | undefined, now: number): number | undefined {
    if (given === undefined || given === null) return undefined;
    const expiry = this.version === 5 ? durationOf(given) : given;
    if (typeof expiry !== 'number') {
      throw new InvalidArgumentError(`An expiry must be a number of milliseconds, got ${typeof expiry}`);
    }
    if (!Number.isFinite(expiry)) return undefined;
    if (this.version === 6) assertTime(expiry, now);
    const ttlMs = Math.ceil(this.version === 5 ? expiry : expiry - now);
    const expiresAt = now + Math.max(0, ttlMs);
    return expiresAt > MAX_TIME ? undefined : expiresAt;
  }

  /** @param namespace the namespace that Keyv added to the key; undefined if it added none */
  #join(namespace: string | undefined, key: string): string {
    if (namespace === undefined || this.#state.keyFormat === 'keyv-redis') {
      return physicalKey(this.prefix, key);
    }
    // If the namespace needs no escaping, the key from Keyv 5 already is the physical key.
    if (namespace === this.#state.namespace && this.#givenPrefix === this.prefix) {
      assertKey(key, this.prefix);
      return key;
    }
    return physicalKey(keyPrefix(namespace, this.#state), key.slice(namespace.length + 1));
  }

  /** A key as Keyv 5 passes it, with the namespace in front. */
  #asPassed(key: string): string {
    const prefix = this.#state.lastKey.prefixed ? this.#givenPrefix : undefined;
    if (prefix === undefined || typeof key !== 'string' || key.startsWith(prefix)) return key;
    return prefix + key;
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

/** Keyv 5 passes a TTL on as it is. Redis accepts whole numbers as text, so @keyv/redis does too. */
function durationOf(ttl: unknown): unknown {
  return typeof ttl === 'string' && /^[1-9]\d*$/.test(ttl) ? Number(ttl) : ttl;
}

/** @throws InvalidArgumentError if an expiry is a duration, which would remove the key immediately */
function assertTime(expiry: number, now: number): void {
  // Zero and negative numbers are common ways to write "already expired". If fake timers have set the clock to
  // the 1970s, early times are correct.
  if (expiry <= 0 || expiry >= MIN_TIME || now < MIN_TIME) return;
  const advice =
    expiry >= MIN_TIME / 1000 && expiry < MIN_TIME / 10
      ? `For a time in seconds, pass ${expiry} * 1000`
      : `For an entry that expires in ${expiry} ms, pass Date.now() + ${expiry}`;
  throw new InvalidArgumentError(
    `An expiry must be a time in milliseconds since the Unix epoch, got ${expiry}, which is in ` +
      `${new Date(expiry).getUTCFullYear()}. ${advice}`,
  );
}
