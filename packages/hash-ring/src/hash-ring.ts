import { check } from './errors.js';
import { fingerprint } from './fingerprint.js';
import { hashKey, hashKeys } from './key-hash.js';
import { lookUp } from './lookup.js';
import { type Movement, movement, type RingPoint } from './movement.js';
import {
  type HashRingOptions,
  type Key,
  type KeyHash,
  type ReplicaOptions,
  type ResolvedOptions,
  type RingNode,
  resolveNode,
  resolveOptions,
} from './options.js';
import { replicasOf } from './replicas.js';
import { buildTable, type RingTable } from './ring-table.js';
import { unpack } from './sort-points.js';

/** A ring as JSON. If `hash` is a function, `'custom'` replaces it, because JSON cannot contain functions. */
export interface HashRingJSON {
  /** The nodes, in the order in which they were added. */
  readonly nodes: readonly RingNode[];
  /** The ring's options. */
  readonly options: Omit<HashRingOptions, 'hash'> & {
    /** `'custom'` stands for a function. */
    readonly hash: 'md5' | 'custom';
  };
}

/**
 * A consistent-hash ring. It maps each key to a node, which is the key's owner. If a node is added or
 * removed, only this node's keys change their owner (Karger et al., 1997). Nodes get their points as in
 * ketama (Jones, 2007).
 *
 * A key's owner does not depend on the order in which nodes were added. A change builds a new table and swaps
 * it in one step. If the change throws, the ring is unchanged.
 *
 * The costs below are for a ring with p points in total. A node has 160 points by default.
 */
export class HashRing {
  readonly #options: ResolvedOptions;
  #table: RingTable;

  /** O(p). @throws HashRingError if an option or a node is not allowed, or two nodes have the same name */
  constructor(nodes: Iterable<string | RingNode> = [], options?: HashRingOptions) {
    this.#options = resolveOptions(options);
    this.#table = this.#build(nodes);
  }

  /**
   * Restores a ring from the result of `toJSON`. If the ring had a hash function, pass the same function
   * again.
   */
  static fromJSON(json: HashRingJSON, hash?: KeyHash): HashRing {
    return new HashRing(json.nodes, { ...json.options, hash: hash ?? (json.options.hash as 'md5') });
  }

  /**
   * The node names, in the order in which the nodes were added. The array is frozen. Each change creates a
   * new array.
   */
  get nodes(): readonly string[] {
    return this.#table.names;
  }

  /** The number of nodes. */
  get size(): number {
    return this.#table.names.length;
  }

  /** Whether a node with this name is on the ring. */
  has(name: string): boolean {
    return this.#table.positions.has(name);
  }

  /** The name of the key's owner; `undefined` if the ring is empty. O(log p), without allocations. */
  get(key: Key): string | undefined {
    return this.#table.names[this.getIndex(key)];
  }

  /** The key's owner as a position in `nodes`; -1 if the ring is empty. O(log p), without allocations. */
  getIndex(key: Key): number {
    return lookUp(this.#table, hashKey(key, this.#options));
  }

  /** The owners of many keys, in the order of the keys. Faster than calling `get` for each key. */
  getMany(keys: readonly Key[]): (string | undefined)[] {
    const { names } = this.#table;
    const positions = this.getManyIndexes(keys);
    return keys.map((_, i) => names[positions[i] as number]);
  }

  /**
   * The owners of many keys as positions in `nodes`, in the order of the keys. Use it to group keys by node
   * without comparing strings. If the ring is empty, every position is -1.
   */
  getManyIndexes(keys: readonly Key[]): Int32Array {
    const table = this.#table;
    const hashes = hashKeys(keys, this.#options);
    const positions = new Int32Array(hashes.length);
    for (let i = 0; i < hashes.length; i++) {
      positions[i] = lookUp(table, hashes[i] as number);
    }
    return positions;
  }

  /**
   * The nodes for a key's copies: its owner, then the next distinct nodes clockwise, with a preference for zones
   * without a copy. Returns `count` nodes, or all nodes if there are fewer.
   */
  replicas(key: Key, count: number, { zoneOf }: ReplicaOptions = {}): string[] {
    return replicasOf(this.#table, this.pointOf(key), count, zoneOf);
  }

  /** Adds a node. O(p), without hashing the other nodes again. @throws HashRingError if the name is taken */
  add(node: string | RingNode): this {
    return this.update([...this.#table.nodes, node]);
  }

  /** Removes a node. Returns `false` if the ring has no node with this name. O(p). */
  remove(name: string): boolean {
    if (!this.has(name)) return false;
    this.update(this.#table.nodes.filter((node) => node.name !== name));
    return true;
  }

  /**
   * Replaces all nodes in one step. O(p). Nodes that keep their name and their number of points are not
   * hashed again.
   */
  update(nodes: Iterable<string | RingNode>): this {
    this.#table = this.#build(nodes);
    return this;
  }

  /**
   * An independent ring with the same nodes and options. O(1): both rings share a table until one of them
   * changes.
   */
  clone(): HashRing {
    const copy = new HashRing([], this.#options);
    copy.#table = this.#table;
    return copy;
  }

  /** A key's hash, as a uint32. The key's owner has the first point at or after the hash. */
  pointOf(key: Key): number {
    return hashKey(key, this.#options) >>> 0;
  }

  /**
   * The first `count` nodes clockwise from a hash, in the same order as in `replicas`. Default: all nodes.
   */
  owners(point: number, count: number = this.size): string[] {
    check(point >>> 0 === point, 'INVALID_OPTION', 'point', 'a uint32', point);
    return replicasOf(this.#table, point, count);
  }

  /**
   * All points clockwise, with the names of their nodes. If several nodes have the same point, the point's
   * owner comes first.
   */
  *points(): Generator<RingPoint, void> {
    const { points, owners } = unpack(this.#table);
    const { names } = this.#table;
    for (const [i, point] of points.entries()) yield [point, names[owners[i] as number] as string];
  }

  /** The exact fraction of the hash space that each node owns, by node name. The sum is exactly 1. O(p). */
  shares(): Map<string, number> {
    const shares = new Map(this.nodes.map((name) => [name, 0]));
    // In a comparison with an empty ring, each node's whole share moves.
    const { flows } = movement(this.points(), []);
    for (const { from, fraction } of flows) shares.set(from as string, fraction);
    return shares;
  }

  /**
   * The part of the hash space that changes its owner if the other ring replaces this one. Both rings must
   * hash keys in the same way. O(p), where p counts the points of both rings.
   */
  movement(other: HashRing): Movement {
    return movement(this.points(), other.points());
  }

  /**
   * Returns 32 hex digits, which are equal for rings with the same options, names, weights, zones and points.
   * Rings with the same fingerprint agree on the owner of every key. The fingerprint does not depend on the
   * process, the version, or the order in which nodes were added. O(p).
   */
  fingerprint(): string {
    return fingerprint(this.#table.nodes, [...this.points()], this.#options);
  }

  /** A description of the ring for `fromJSON`. */
  toJSON(): HashRingJSON {
    const { hash, ...options } = this.#options;
    return {
      nodes: [...this.#table.nodes],
      options: { ...options, hash: hash === 'md5' ? hash : 'custom' },
    };
  }

  #build(nodes: Iterable<string | RingNode>): RingTable {
    return buildTable(Array.from(nodes, resolveNode), this.#options, this.#table);
  }
}
