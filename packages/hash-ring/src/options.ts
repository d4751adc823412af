import { check } from './errors.js';

/** What a ring can place: text, which counts as its UTF-8 bytes, or bytes. Buffers are bytes. */
export type Key = string | Uint8Array;

/** A member of the ring. */
export interface RingNode {
  /** Its identity: the points, and so the keys, follow from it. Not empty, no lone surrogates. */
  readonly name: string;
  /**
   * Its share of the keys, relative to the other nodes: a positive finite number.
   * @default 1
   */
  readonly weight?: number;
  /**
   * What fails together with it (a rack, a data centre): `replicas` takes nodes of different zones
   * first. A node without one shares its fate with no other.
   */
  readonly zone?: string | undefined;
}

/** How a ring places nodes and keys. Two programs agree on owners when they agree on all of these. */
export interface HashRingOptions {
  /**
   * `'independent'`: a node's points depend on its own name and weight alone, so a change of nodes moves
   * only the changed nodes' shares. `'ketama'`: the points follow from all weights together, bit for bit
   * as in libmemcached's KETAMA_WEIGHTED and twemproxy, for rings that are shared with their clients.
   * @default 'independent'
   */
  readonly placement?: 'independent' | 'ketama';
  /**
   * How many points a node of weight 1 has (under `'ketama'`, of average weight): a multiple of 4 from 4
   * up, as one MD5 gives 4 points. More points even out the shares and cost 8 bytes each.
   * @default 160
   */
  readonly pointsPerNode?: number;
  /**
   * Two ASCII characters, say `'{}'`: of a key that has the first and later the second, only what stands
   * between them is hashed, so `{user1}:a` and `{user1}:b` have one owner. A key with nothing between
   * them is hashed whole. As in Redis Cluster, twemproxy and go-redis. `''`: keys are hashed whole.
   * @default ''
   */
  readonly hashTag?: string;
  /**
   * How a key becomes a place on the ring: MD5 as ketama reads it, or a function that returns a uint32 (an
   * int32 counts as the same 32 bits). It gets the key as the caller gave it, without what `hashTag`
   * leaves out; take care that text and its UTF-8 bytes give the same. Nodes are placed by MD5 always.
   * @default 'md5'
   */
  readonly hash?: 'md5' | KeyHash;
  /**
   * Whether a node at memcached's port, `host:11211`, stands on the points of `host`, as libmemcached and
   * twemproxy have it.
   * @default false
   */
  readonly omitMemcachedPort?: boolean;
}

/** From a key to a uint32. */
export type KeyHash = (key: Key) => number;

/** How `replicas` chooses. */
export interface ReplicaOptions {
  /** The zone of a node, by name, in place of the nodes' own `zone`; `undefined` for one of its own. */
  readonly zoneOf?: (name: string) => string | undefined;
}

export type ResolvedNode = Required<RingNode>;

export type ResolvedOptions = Required<HashRingOptions>;

/** Of each option: its default, what is allowed in words, and whether a value is. */
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
  hashTag: ['', 'two ASCII characters, or none', (value) => /^([\0-\x7f]{2})?$/.test(value as string)],
  hash: ['md5', '"md5" or a function', (value) => value === 'md5' || typeof value === 'function'],
  omitMemcachedPort: [false, 'true or false', (value) => typeof value === 'boolean'],
};

/** The options with every default filled in. @throws HashRingError `INVALID_OPTION` */
export function resolveOptions(options: HashRingOptions = {}): ResolvedOptions {
  const known = Object.keys(OPTIONS);
  for (const name of Object.keys(options)) {
    check(known.includes(name), 'INVALID_OPTION', 'an option', known.join(' or '), name);
  }
  const resolved = Object.entries(OPTIONS).map(([name, [byDefault, allowed, isAllowed]]) => {
    const value = options[name as keyof HashRingOptions] ?? byDefault;
    check(isAllowed(value), 'INVALID_OPTION', name, allowed, value);
    return [name, value];
  });
  return Object.freeze(Object.fromEntries(resolved));
}

/** A node with its defaults filled in. @throws HashRingError `INVALID_NODE` */
export function resolveNode(node: string | RingNode): ResolvedNode {
  const { name, weight = 1, zone } = (typeof node === 'string' ? { name: node } : (node ?? {})) as RingNode;
  check(
    typeof name === 'string' && name !== '' && name.isWellFormed(),
    'INVALID_NODE',
    'the name of a node',
    'text, not empty and without lone surrogates',
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
