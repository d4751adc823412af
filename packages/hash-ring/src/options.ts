import { HashRingError, shown } from './errors.js';

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

export interface ResolvedNode {
  readonly name: string;
  readonly weight: number;
  readonly zone: string | undefined;
  /** What its points are hashed from. */
  readonly label: string;
}

export type ResolvedOptions = Required<HashRingOptions>;

const DEFAULTS: ResolvedOptions = Object.freeze({
  placement: 'independent',
  pointsPerNode: 160,
  hashTag: '',
  hash: 'md5',
  omitMemcachedPort: false,
});

/** The options with every default filled in. @throws HashRingError `INVALID_OPTION` */
export function resolveOptions(options: HashRingOptions = {}): ResolvedOptions {
  const resolved: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) {
      throw invalid('options', `made of ${Object.keys(DEFAULTS).join(', ')}`, name);
    }
    if (value !== undefined) resolved[name] = value;
  }
  const { placement, pointsPerNode, hashTag, hash, omitMemcachedPort } = resolved;
  if (placement !== 'independent' && placement !== 'ketama') {
    throw invalid('placement', '"independent" or "ketama"', placement);
  }
  if (
    !(Number.isSafeInteger(pointsPerNode) && Number(pointsPerNode) > 0 && Number(pointsPerNode) % 4 === 0)
  ) {
    throw invalid('pointsPerNode', 'a positive multiple of 4', pointsPerNode);
  }
  if (!(typeof hashTag === 'string' && /^([\0-\x7f]{2})?$/.test(hashTag))) {
    throw invalid('hashTag', 'two ASCII characters, or none', hashTag);
  }
  if (hash !== 'md5' && typeof hash !== 'function') throw invalid('hash', '"md5" or a function', hash);
  if (typeof omitMemcachedPort !== 'boolean') {
    throw invalid('omitMemcachedPort', 'true or false', omitMemcachedPort);
  }
  return Object.freeze(resolved) as unknown as ResolvedOptions;
}

/** The nodes with their defaults filled in. @throws HashRingError `INVALID_NODE` */
export function resolveNode(node: string | RingNode, options: ResolvedOptions): ResolvedNode {
  const {
    name,
    weight = 1,
    zone,
  }: Partial<RingNode> = typeof node === 'string' ? { name: node } : (node ?? {});
  if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
    throw invalidNode(`a node's name`, 'a string that is not empty and has no lone surrogate', name);
  }
  if (!(typeof weight === 'number' && weight > 0 && weight < Number.POSITIVE_INFINITY)) {
    throw invalidNode(`weight of node ${shown(name)}`, 'a positive finite number', weight);
  }
  if (zone !== undefined && typeof zone !== 'string') {
    throw invalidNode(`zone of node ${shown(name)}`, 'a string', zone);
  }
  const label = options.omitMemcachedPort ? name.replace(/(?<=.):11211$/s, '') : name;
  return Object.freeze({ name, weight, zone, label });
}

/** How many nodes a caller wants. @throws HashRingError `INVALID_OPTION` */
export function checkCount(count: number): void {
  if (!(Number.isSafeInteger(count) && count >= 0)) throw invalid('count', 'an integer from 0 up', count);
}

/** A place on the ring. @throws HashRingError `INVALID_OPTION` */
export function checkPoint(point: number): void {
  if (point >>> 0 !== point) throw invalid('point', 'a uint32', point);
}

/** The `hash` option for a ring from JSON, which says only which kind it was. */
export function hashFromJSON(kind: 'md5' | 'custom', hash: KeyHash | undefined): 'md5' | KeyHash {
  if (kind === 'custom' ? hash === undefined : hash !== undefined) {
    throw invalid('hash', kind === 'custom' ? 'the function of the first ring' : 'left out for MD5', hash);
  }
  return hash ?? 'md5';
}

function invalid(option: string, allowed: string, came: unknown): HashRingError {
  return new HashRingError('INVALID_OPTION', `${option} must be ${allowed}, got ${shown(came)}`);
}

function invalidNode(what: string, allowed: string, came: unknown): HashRingError {
  return new HashRingError('INVALID_NODE', `${what} must be ${allowed}, got ${shown(came)}`);
}
