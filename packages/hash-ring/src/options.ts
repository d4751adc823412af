import { check } from './errors.js';

/** A key: text, which is hashed as UTF-8, or bytes. A `Buffer` is a `Uint8Array`. */
export type Key = string | Uint8Array;

/** A node of the ring. */
export interface RingNode {
  /** The node's identity, which determines its points. It must not be empty or contain lone surrogates. */
  readonly name: string;
  /**
   * The node's share of the keys, relative to the other nodes: a positive finite number.
   * @default 1
   */
  readonly weight?: number;
  /**
   * A group of nodes that may fail together, for example a rack or a data centre. `replicas` prefers nodes in
   * different zones. A node without a zone fails independently of all other nodes.
   */
  readonly zone?: string | undefined;
}

/**
 * Options for placing nodes and keys on a ring. Programs need the same options to agree on the owners of
 * keys.
 */
export interface HashRingOptions {
  /**
   * `'independent'`: a node's points depend on its own name and weight only, so a change moves only the
   * shares of the changed nodes. `'ketama'`: a node's points depend on all weights, exactly as in
   * libmemcached's KETAMA_WEIGHTED and in twemproxy. Use `'ketama'` to share servers with programs that use
   * libmemcached or twemproxy. @default 'independent'
   */
  readonly placement?: 'independent' | 'ketama';
  /**
   * The number of points for a node with weight 1 (under `'ketama'`, with average weight): a positive
   * multiple of 4, because one MD5 gives 4 points. More points make the shares more even, but each point
   * takes about 5 bytes. @default 160
   */
  readonly pointsPerNode?: number;
  /**
   * Two ASCII characters such as `'{}'`. If a key has a part between these characters, only that part is
   * hashed: `{user1}:a` and `{user1}:b` have the same owner. If the part is empty, the whole key is hashed,
   * as in Redis Cluster, twemproxy and go-redis. `''` means that keys have no hash tags. @default ''
   */
  readonly hashTag?: string;
  /**
   * The hash function for keys: `'md5'`, or a function that returns a uint32 (or an int32 with the same
   * bits). `'md5'` takes the first word of the key's MD5, as ketama does. A function gets the key, or the
   * part of the key that `hashTag` selects. It should return the same hash for a text and for the text's
   * UTF-8 bytes. Nodes are always placed by MD5. @default 'md5'
   */
  readonly hash?: 'md5' | KeyHash;
  /**
   * Whether to omit memcached's default port from node names, as libmemcached and twemproxy do: `host:11211`
   * then gets the same points as `host`.
   * @default false
   */
  readonly omitMemcachedPort?: boolean;
}

/** Returns a uint32 for a key. */
export type KeyHash = (key: Key) => number;

/** Options of `replicas`. */
export interface ReplicaOptions {
  /**
   * Returns the zone of the node with this name, or `undefined` for none. Overrides the nodes' own `zone`.
   */
  readonly zoneOf?: (name: string) => string | undefined;
}

export type ResolvedNode = Required<RingNode>;

export type ResolvedOptions = Required<HashRingOptions>;

/** Each option's default, its allowed values in words, and a check. */
const OPTIONS: Record<keyof HashRingOptions, [unknown, string, (value: unknown) => boolean]> = {
  placement: [
    'independent',
    '"independent" or "ketama"',
    (value) => value === 'independent' || value === 'ketama',
  ],
  pointsPerNode: [
    160,
    'a positive multiple of 4',
    (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) % 4 === 0,
  ],
  hashTag: ['', 'two ASCII characters or empty', (value) => /^([\0-\x7f]{2})?$/.test(value as string)],
  hash: ['md5', '"md5" or a function', (value) => value === 'md5' || typeof value === 'function'],
  omitMemcachedPort: [false, 'true or false', (value) => typeof value === 'boolean'],
};

/** Validates the options and fills in the defaults. @throws HashRingError `INVALID_OPTION` */
export function resolveOptions(options: HashRingOptions = {}): ResolvedOptions {
  const known = Object.keys(OPTIONS);
  for (const name of Object.keys(options)) {
    check(known.includes(name), 'INVALID_OPTION', 'an option', known.join(' or '), name);
  }
  const resolved = Object.entries(OPTIONS).map(([name, [defaultValue, allowed, isAllowed]]) => {
    const value = options[name as keyof HashRingOptions] ?? defaultValue;
    check(isAllowed(value), 'INVALID_OPTION', name, allowed, value);
    return [name, value];
  });
  return Object.freeze(Object.fromEntries(resolved));
}

/** Validates a node and fills in its defaults. @throws HashRingError `INVALID_NODE` */
export function resolveNode(node: string | RingNode): ResolvedNode {
  const { name, weight = 1, zone } = (typeof node === 'string' ? { name: node } : (node ?? {})) as RingNode;
  check(
    typeof name === 'string' && name !== '' && name.isWellFormed(),
    'INVALID_NODE',
    'the name of a node',
    'non-empty text without lone surrogates',
    name,
  );
  check(
    Number.isFinite(weight) && weight > 0,
    'INVALID_NODE',
    `the weight of ${name}`,
    'a positive finite number',
    weight,
  );
  check(zone === undefined || typeof zone === 'string', 'INVALID_NODE', `the zone of ${name}`, 'text', zone);
  return Object.freeze({ name, weight, zone });
}
