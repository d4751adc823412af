import { InvalidArgumentError } from '../errors/errors.js';
import { RESERVED_PREFIX } from './reserved-keys.js';

/** Format of physical keys. See the option `keyFormat`. */
export type KeyFormat = 'default' | 'raw';

/**
 * Namespace of physical keys if Keyv passes none. It is the default namespace of Keyv 5. Keyv 6 has no
 * default, so without this constant a cache would lose its data when it moves from Keyv 5 to Keyv 6.
 */
const DEFAULT_NAMESPACE = 'keyv';

const SEPARATOR = ':';

/** @throws InvalidArgumentError unless the namespace is undefined or a well-formed Unicode string */
export function assertNamespace(namespace: unknown): asserts namespace is string | undefined {
  if (namespace === undefined) return;
  const expected = 'A namespace must be a string of well-formed Unicode, or undefined';
  if (typeof namespace !== 'string') {
    throw new InvalidArgumentError(`${expected}, got ${namespace === null ? 'null' : typeof namespace}`);
  }
  if (!namespace.isWellFormed()) {
    throw new InvalidArgumentError(`${expected}, got ${JSON.stringify(namespace.slice(0, 64))}`);
  }
}

/**
 * Escapes a namespace for physical keys: `%` and `:` are percent-encoded. So the first `:` in a physical key
 * always ends the namespace. Therefore, two different pairs of namespace and key never have the same physical
 * key.
 */
export function escapeNamespace(namespace: string): string {
  return namespace.replaceAll('%', '%25').replaceAll(SEPARATOR, '%3A');
}

/** The prefix of a namespace's physical keys; empty if there is no namespace and the format is `'raw'`. */
export function keyPrefix(namespace: string | undefined, format: KeyFormat): string {
  if (!namespace && format === 'raw') return '';
  return escapeNamespace(namespace || DEFAULT_NAMESPACE) + SEPARATOR;
}

/**
 * Builds a physical key. Redis stores the UTF-8 bytes of the physical key, and the ring hashes the same
 * bytes.
 *
 * @throws InvalidArgumentError if the key is not a string, if it has a lone surrogate, or if it is a raw key
 * with the reserved prefix. UTF-8 would replace a lone surrogate with U+FFFD, so two different keys could
 * become equal.
 */
export function physicalKey(prefix: string, key: string): string {
  assertKey(key, prefix);
  return prefix + key;
}

/** @throws InvalidArgumentError under the same conditions as {@link physicalKey} */
export function assertKey(key: string, prefix: string): void {
  if (typeof key !== 'string') {
    throw new InvalidArgumentError(`A key must be a string, got ${key === null ? 'null' : typeof key}`);
  }
  if (!key.isWellFormed()) {
    throw new InvalidArgumentError(
      `A key must be well-formed Unicode, got ${JSON.stringify(key.slice(0, 64))} with a lone surrogate, ` +
        'which UTF-8 cannot encode',
    );
  }
  if (prefix === '' && key.startsWith(RESERVED_PREFIX)) {
    throw new InvalidArgumentError(
      `A raw key must not begin with ${RESERVED_PREFIX}, which the store reserves for itself, got ` +
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
