import { DRedisError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import type { PrefixLists } from './prefix-lists.js';

/**
 * Maximum number of prefixes that this process remembers although no store uses them. If such a prefix is used
 * again, it need not be registered again.
 */
const MAX_UNUSED = 1000;

/** The prefixes that one store uses. */
interface Holding {
  prefixes: ReadonlySet<string>;
}

/**
 * The prefixes of all namespaces that this process uses. They are registered on every node. So if a process
 * finds old keys on a node, it can tell which of the keys belong to the store.
 */
export class NamespacesInUse {
  readonly #ownsDatabase: boolean;
  /** Number of stores that use each prefix. */
  readonly #useCounts = new Map<string, number>();
  /** Registered prefixes that no store uses, the oldest first. */
  readonly #unused = new Set<string>();
  readonly #holdings = new WeakMap<object, Holding>();
  readonly #collected = new FinalizationRegistry<Holding>((holding) => this.#replace(holding, new Set()));
  /** The lists of all nodes on which prefixes are registered. */
  readonly #lists = new Map<Node, PrefixLists>();

  constructor(ownsDatabase: boolean) {
    this.#ownsDatabase = ownsDatabase;
  }

  get prefixes(): ReadonlySet<string> {
    return new Set(this.#useCounts.keys());
  }

  /** Replaces the prefixes that a store uses. They are released if the store is garbage collected. */
  use(store: object, prefixes: ReadonlySet<string>): void {
    let holding = this.#holdings.get(store);
    if (holding === undefined) {
      holding = { prefixes: new Set() };
      this.#holdings.set(store, holding);
      this.#collected.register(store, holding);
    }
    this.#replace(holding, prefixes);
  }

  /** Forgets the prefixes that a store uses. */
  release(store: object): void {
    this.use(store, new Set());
  }

  /** Registers all prefixes on a node, and from now on each prefix that is added. */
  async register(node: Node, lists: PrefixLists): Promise<void> {
    this.#lists.set(node, lists);
    // The node may have a new list, which does not contain these prefixes.
    this.#unused.clear();
    await lists.open(this.#useCounts.keys());
  }

  /** Registers all prefixes on a node again, because its server may have been flushed. */
  async registerAgain(node: Node): Promise<void> {
    await this.#lists.get(node)?.open(this.#useCounts.keys());
  }

  /** Whether all keys with a prefix belong to the store. */
  mayPurge(prefix: string): boolean {
    return prefix !== '' || this.#ownsDatabase;
  }

  #replace(holding: Holding, prefixes: ReadonlySet<string>): void {
    const before = holding.prefixes;
    holding.prefixes = prefixes;
    for (const prefix of prefixes) if (!before.has(prefix)) this.#retain(prefix);
    for (const prefix of before) if (!prefixes.has(prefix)) this.#release(prefix);
  }

  #retain(prefix: string): void {
    const useCount = this.#useCounts.get(prefix) ?? 0;
    this.#useCounts.set(prefix, useCount + 1);
    if (useCount > 0 || this.#unused.delete(prefix)) return;
    for (const [node, lists] of this.#lists) {
      // If the node is down, its recovery registers the prefix.
      if (node.status.state === 'down') continue;
      lists.add([prefix]).catch((error: unknown) => {
        if (error instanceof DRedisError && error.code === 'DREDIS_CLOSED') this.#lists.delete(node);
      });
    }
  }

  #release(prefix: string): void {
    const useCount = this.#useCounts.get(prefix) as number;
    if (useCount > 1) {
      this.#useCounts.set(prefix, useCount - 1);
      return;
    }
    this.#useCounts.delete(prefix);
    this.#unused.add(prefix);
    const [oldest] = this.#unused;
    if (this.#unused.size > MAX_UNUSED) this.#unused.delete(oldest as string);
  }
}
