import { check } from './errors.js';
import { fingerprint } from './fingerprint.js';
import { hashKey, hashKeys } from './key-hash.js';
import { ownerAt, successor } from './lookup.js';
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
import { preferenceList } from './replicas.js';
import { buildTable, type RingTable } from './ring-table.js';
import { unpack } from './sort-points.js';

/** A ring as JSON holds it. A hash function of the user's cannot be held: `hash` tells that there is one. */
export interface HashRingJSON {
  readonly nodes: readonly RingNode[];
  readonly options: Omit<HashRingOptions, 'hash'> & { readonly hash: 'md5' | 'custom' };
}

/**
 * A consistent-hash ring: it says which node a key belongs to, and when nodes come and go it moves
 * only the keys that it must (Karger et al., 1997; ketama's points, Jones 2007).
 *
 * The order in which nodes were added never matters to a key's owner. A change builds a new table and
 * swaps it in one step; when it throws, the ring is as it was.
 *
 * Costs are told for n nodes with p points together, 160 each unless told otherwise.
 */
export class HashRing {
  readonly #options: ResolvedOptions;
  #table: RingTable;

  /** O(p). @throws HashRingError for options, names or weights that are not allowed, or a name twice */
  constructor(nodes: Iterable<string | RingNode> = [], options?: HashRingOptions) {
    this.#options = resolveOptions(options);
    this.#table = this.#build(nodes);
  }

  /** A ring that `toJSON` described. When that ring had a hash function of its own, it is needed here. */
  static fromJSON(json: HashRingJSON, hash?: KeyHash): HashRing {
    return new HashRing(json.nodes, { ...json.options, hash: hash ?? (json.options.hash as 'md5') });
  }

  /** The names in the order in which they were added: frozen, and another array after each change. */
  get nodes(): readonly string[] {
    return this.#table.names;
  }

  /** How many nodes the ring has. */
  get size(): number {
    return this.#table.names.length;
  }

  /** Whether a node of this name is on the ring. */
  has(name: string): boolean {
    return this.#table.positions.has(name);
  }

  /** The name of the key's owner; `undefined` when the ring is empty. O(log p), and allocates nothing. */
  get(key: Key): string | undefined {
    const table = this.#table;
    return table.names[ownerAt(table, successor(table, hashKey(key, this.#options)))];
  }

  /** The owners of many keys, in the order of the keys; in less time for each than `get` takes. */
  getMany(keys: readonly Key[]): (string | undefined)[] {
    const { names } = this.#table;
    const positions = this.getManyIndexes(keys);
    return keys.map((_, i) => names[positions[i] as number]);
  }

  /**
   * The owners of many keys as positions in `nodes`, in the order of the keys: for grouping by node with no
   * string compared. -1 stands for no owner: the ring is empty.
   */
  getManyIndexes(keys: readonly Key[]): Int32Array {
    const table = this.#table;
    const hashes = hashKeys(keys, this.#options);
    const positions = new Int32Array(hashes.length);
    for (let i = 0; i < hashes.length; i++) {
      positions[i] = table.names.length ? ownerAt(table, successor(table, hashes[i] as number)) : -1;
    }
    return positions;
  }

  /**
   * The nodes to keep copies of a key on: its owner first, then the next distinct nodes clockwise, those
   * of other zones before those of a zone that has a copy. `count` of them, or all when there are fewer.
   */
  replicas(key: Key, count: number, { zoneOf }: ReplicaOptions = {}): string[] {
    return preferenceList(this.#table, this.pointOf(key), count, zoneOf);
  }

  /** Adds a node; the others are not hashed again. O(p). @throws HashRingError for a name it has already */
  add(node: string | RingNode): this {
    return this.update([...this.#table.nodes, node]);
  }

  /** Takes a node away; `false` when the ring has no node of this name. O(p). */
  remove(name: string): boolean {
    if (!this.has(name)) return false;
    this.update(this.#table.nodes.filter((node) => node.name !== name));
    return true;
  }

  /**
   * Replaces all nodes in one step: readers see the old ring or the new one, nothing between. Nodes that
   * keep their name and their number of points are not hashed again. O(p).
   */
  update(nodes: Iterable<string | RingNode>): this {
    this.#table = this.#build(nodes);
    return this;
  }

  /** A ring of its own with the same nodes and options. Tables are shared until one of them changes: O(1). */
  clone(): HashRing {
    const copy = new HashRing([], this.#options);
    copy.#table = this.#table;
    return copy;
  }

  /** The place of a key on the ring: a uint32. Its owner has the first point from there on. */
  pointOf(key: Key): number {
    return hashKey(key, this.#options) >>> 0;
  }

  /** The nodes from a point on clockwise, as `replicas` orders them: all of them unless told otherwise. */
  owners(point: number, count: number = this.size): string[] {
    check(point >>> 0 === point, 'INVALID_OPTION', 'point', 'a uint32', point);
    return preferenceList(this.#table, point, count);
  }

  /**
   * All points clockwise, with the names of their nodes. Where nodes share a point, its owner comes first
   * and the others own nothing there.
   */
  *points(): Generator<RingPoint, void> {
    const { points, owners } = unpack(this.#table);
    const { names } = this.#table;
    for (const [i, point] of points.entries()) yield [point, names[owners[i] as number] as string];
  }

  /** The exact fraction of the hash space that each node owns, by name. They sum to exactly 1. O(p). */
  shares(): Map<string, number> {
    const shares = new Map(this.nodes.map((name) => [name, 0]));
    // A node's share is what would move if there were nobody left.
    const { flows } = movement(this.points(), []);
    for (const { from, fraction } of flows) shares.set(from as string, fraction);
    return shares;
  }

  /**
   * What changes owner when this ring gives way to the other: how much of the hash space, from whom to
   * whom. Rings that hash keys differently cannot be compared so. O(p) for the points of both.
   */
  movement(other: HashRing): Movement {
    return movement(this.points(), other.points());
  }

  /**
   * 32 hex digits that two rings share when they place every key alike: same options, names, weights,
   * zones and points, in any order of insertion, process and version. O(p).
   */
  fingerprint(): string {
    return fingerprint(this.#table.nodes, [...this.points()], this.#options);
  }

  /** What `fromJSON` makes this ring of again. */
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
