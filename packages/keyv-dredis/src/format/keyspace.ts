import type { KeyFormat } from '../config/options.js';
import { InvalidArgumentError } from '../errors/errors.js';

/**
 * Namespace of the keys when Keyv gives none: what Keyv 5 has always used, so that a cache keeps its
 * data when it moves from Keyv 5 (default `'keyv'`) to Keyv 6 (no default).
 */
const DEFAULT_NAMESPACE = 'keyv';

const SEPARATOR = ':';

/**
 * What the store's own keys begin with, those that hold no entry: in no namespace, where `%` is
 * escaped, and hidden from clear() and iterator() where keys are raw.
 */
export const OWN_KEYS = '%dredis:';

/** What a probe writes: it expires at once. */
export const PROBE_KEY = `${OWN_KEYS}probe`;

/** The `run_id` of the server when it was admitted last. A snapshot carries that of the run it is of. */
export const RUN_KEY = `${OWN_KEYS}run`;

/** The prefixes of all namespaces that were used with a server. */
export const PREFIXES_KEY = `${OWN_KEYS}prefixes`;

/** What the node of this name has missed: a set of hints, on another node. */
export function hintsKey(node: string): string {
  return `${OWN_KEYS}hints:${node}`;
}

const COPIES = `${OWN_KEYS}copy:`;

/** The key under which another node than its owner stands in for a key, or for all of a prefix. */
export function copyKey(key: string): string {
  return key.startsWith(COPIES) ? key : COPIES + key;
}

/**
 * A namespace as it stands in a physical key. The separator and the escape character itself are
 * percent-encoded, so a physical key can be cut at its first separator in one way only: no two pairs
 * of namespace and key share one.
 */
export function escapeNamespace(namespace: string): string {
  return namespace.replaceAll('%', '%25').replaceAll(SEPARATOR, '%3A');
}

/** @throws InvalidArgumentError for a namespace that is not a string of well-formed Unicode, or undefined */
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
 * What all physical keys of a namespace begin with.
 *
 * @param format with `'raw'` and no namespace, keys go to Redis as they are: the prefix is empty
 */
export function keyPrefix(namespace: string | undefined, format: KeyFormat): string {
  if (!namespace && format === 'raw') return '';
  return escapeNamespace(namespace || DEFAULT_NAMESPACE) + SEPARATOR;
}

/**
 * The physical key: the string whose UTF-8 bytes Redis sees and the ring hashes.
 *
 * @throws InvalidArgumentError as {@link assertKey}
 */
export function physicalKey(prefix: string, key: string): string {
  assertKey(key, prefix);
  return prefix + key;
}

/**
 * @throws InvalidArgumentError for a key that is not a string, that UTF-8 cannot carry (a lone surrogate
 * would become U+FFFD, and two keys one), or that would be one of the store's own
 */
export function assertKey(key: string, prefix: string): void {
  if (typeof key !== 'string') {
    throw new InvalidArgumentError(`A key must be a string, got ${key === null ? 'null' : typeof key}`);
  }
  if (!key.isWellFormed()) {
    throw new InvalidArgumentError(
      `A key must be well-formed Unicode, got ${JSON.stringify(key.slice(0, 64))} with a lone surrogate, ` +
        'which UTF-8 cannot carry',
    );
  }
  if (prefix === '' && key.startsWith(OWN_KEYS)) {
    throw new InvalidArgumentError(
      `A key must not begin with ${OWN_KEYS}, as ${JSON.stringify(key.slice(0, 64))} does, where keys are raw: ` +
        'those are the store’s own',
    );
  }
}

/**
 * The SCAN pattern of all keys that begin with a prefix. Redis matches glob-style; what the prefix
 * itself holds of `\ * ? [ ]` is meant literally. A match is only a candidate: whoever deletes or
 * yields a key checks it against the prefix again.
 */
export function scanPattern(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
}
