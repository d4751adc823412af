import { InvalidArgumentError } from '../errors/errors.js';
import { RESERVED_PREFIX } from './reserved-keys.js';
import { assertSize } from './sizes.js';

/** Format of physical keys. See the option `keyFormat`. */
export type KeyFormat = 'default' | 'raw' | 'keyv-redis';

/** Options that decide the prefix of physical keys. */
export interface PrefixOptions {
  readonly keyFormat: KeyFormat;
  /** Separator between namespace and key if the format is `'keyv-redis'`. */
  readonly keySeparator: string;
}

/**
 * Namespace of physical keys if Keyv passes none. It is the default namespace of Keyv 5. Keyv 6 has no
 * default, so without this constant a cache would lose its data when it moves from Keyv 5 to Keyv 6.
 */
const DEFAULT_NAMESPACE = 'keyv';

const SEPARATOR = ':';

/**
 * @throws InvalidArgumentError unless the namespace is undefined or a well-formed Unicode string that the
 * format can store
 */
export function assertNamespace(
  namespace: unknown,
  options: PrefixOptions,
): asserts namespace is string | undefined {
  if (namespace === undefined) return;
  const expected = 'A namespace must be a string of well-formed Unicode, or undefined';
  if (typeof namespace !== 'string') {
    throw new InvalidArgumentError(`${expected}, got ${namespace === null ? 'null' : typeof namespace}`);
  }
  if (!namespace.isWellFormed()) {
    throw new InvalidArgumentError(`${expected}, got ${JSON.stringify(namespace.slice(0, 64))}`);
  }
  const rule = brokenRule(namespace, options);
  if (rule === undefined) return;
  throw new InvalidArgumentError(`A namespace ${rule}, got ${JSON.stringify(namespace.slice(0, 64))}`);
}

/**
 * The rule of `keyFormat: 'keyv-redis'` that a namespace breaks; undefined if it breaks none. This format does
 * not escape namespaces, so some of them have no prefix of their own.
 */
export function brokenRule(namespace: string | undefined, options: PrefixOptions): string | undefined {
  if (!namespace || options.keyFormat !== 'keyv-redis') return undefined;
  const prefix = keyPrefix(namespace, options);
  // The first separator in a physical key has to end the namespace.
  if (prefix.indexOf(options.keySeparator) < namespace.length) {
    const separator = JSON.stringify(options.keySeparator);
    return (
      `must neither contain the separator ${separator} nor end with a part of it, because with keyFormat ` +
      '"keyv-redis" clear() of another namespace would remove its keys'
    );
  }
  if (prefix.startsWith(RESERVED_PREFIX) || RESERVED_PREFIX.startsWith(prefix)) {
    return `must not have the prefix of the store's own keys, ${RESERVED_PREFIX}`;
  }
  return undefined;
}

/**
 * Escapes a namespace for physical keys: `%` and `:` are percent-encoded. So the first `:` in a physical key
 * always ends the namespace. Therefore, two different pairs of namespace and key never have the same physical
 * key.
 */
export function escapeNamespace(namespace: string): string {
  return namespace.replaceAll('%', '%25').replaceAll(SEPARATOR, '%3A');
}

/**
 * The prefix of a namespace's physical keys. It is empty if there is no namespace, except with the default
 * format.
 */
export function keyPrefix(namespace: string | undefined, options: PrefixOptions): string {
  if (!namespace && options.keyFormat !== 'default') return '';
  if (options.keyFormat === 'keyv-redis') return `${namespace}${options.keySeparator}`;
  return escapeNamespace(namespace || DEFAULT_NAMESPACE) + SEPARATOR;
}

/**
 * Builds a physical key. Redis stores the UTF-8 bytes of the physical key, and the ring hashes the same
 * bytes.
 *
 * @param key without its namespace; a finite number counts as its text, as with @keyv/redis
 * @throws InvalidArgumentError if the key has another type, if it is longer than 512 MiB, if it has a lone
 * surrogate, or if it has no prefix and begins with the reserved prefix. UTF-8 would replace a lone surrogate with U+FFFD,
 * so two different keys could become equal.
 */
export function physicalKey(prefix: string, key: string): string {
  assertKey(key, prefix);
  return prefix + key;
}

/** @throws InvalidArgumentError under the same conditions as {@link physicalKey} */
export function assertKey(key: string, prefix: string): void {
  if (typeof key !== 'string') {
    // Keyv passes ids on as they are. physicalKey() turns them into text.
    if (Number.isFinite(key)) return;
    throw new InvalidArgumentError(`A key must be a string, got ${key === null ? 'null' : typeof key}`);
  }
  assertSize('key', key, prefix.length);
  if (!key.isWellFormed()) {
    throw new InvalidArgumentError(
      `A key must be well-formed Unicode, got ${JSON.stringify(key.slice(0, 64))} with a lone surrogate, ` +
        'which UTF-8 cannot encode',
    );
  }
  if (prefix === '' && key.startsWith(RESERVED_PREFIX)) {
    throw new InvalidArgumentError(
      `A key without a prefix must not begin with ${RESERVED_PREFIX}, which the store reserves for itself, got ` +
        JSON.stringify(key.slice(0, 64)),
    );
  }
}

/**
 * The SCAN pattern for all keys with a prefix. Redis patterns are glob-style, so `\ * ? [ ]` in the prefix
 * are escaped. A match is only a candidate: before you delete or yield it, check that it begins with the
 * prefix.
 */
export function scanPattern(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
}
