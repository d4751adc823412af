import { InvalidArgumentError } from '../errors/errors.js';
import { RESERVED_PREFIX } from './reserved-keys.js';

/** How physical keys are formed, see the option `keyFormat`. */
export type KeyFormat = 'default' | 'raw';

/**
 * Namespace of physical keys when Keyv gives none. Keyv 5 has always used this one by default, so a cache
 * keeps its data when it moves from Keyv 5 to Keyv 6, which has no default.
 */
const DEFAULT_NAMESPACE = 'keyv';

const SEPARATOR = ':';

/** @throws InvalidArgumentError unless the namespace is undefined or a string of well-formed Unicode */
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
 * A namespace as it appears in physical keys: `%` and `:` are percent-encoded. So the first `:` of a
 * physical key always ends the namespace, and no two pairs of namespace and key share a physical key.
 */
export function escapeNamespace(namespace: string): string {
  return namespace.replaceAll('%', '%25').replaceAll(SEPARATOR, '%3A');
}

/** The prefix of all physical keys of a namespace; empty in the format `'raw'` without a namespace. */
export function keyPrefix(namespace: string | undefined, format: KeyFormat): string {
  if (!namespace && format === 'raw') return '';
  return escapeNamespace(namespace || DEFAULT_NAMESPACE) + SEPARATOR;
}

/**
 * The physical key: Redis stores its UTF-8 bytes, and the ring hashes them.
 *
 * @throws InvalidArgumentError for a key that is not a string; for a lone surrogate, because UTF-8 would
 * turn it into U+FFFD and two keys would become one; and for a raw key with the reserved prefix
 */
export function physicalKey(prefix: string, key: string): string {
  assertKey(key, prefix);
  return prefix + key;
}

/** @throws InvalidArgumentError as {@link physicalKey} does */
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
 * The SCAN pattern of all keys with a prefix. Redis patterns are glob-style, so `\ * ? [ ]` of the prefix
 * are escaped. A match is only a candidate: check it against the prefix before it is deleted or yielded.
 */
export function scanPattern(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
}
