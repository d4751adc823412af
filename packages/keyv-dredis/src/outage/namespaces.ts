import { noop } from '../connection/connection.js';
import { PREFIXES_KEY } from '../format/reserved-keys.js';
import { MAINTENANCE } from '../node/node.js';
import type { Topology } from '../sharding/topology.js';

/**
 * The prefixes of all namespaces that this process uses. They are registered on every node. So if a process
 * finds old keys on a node, it can tell which of the keys belong to the store.
 */
export class NamespacesInUse {
  readonly #topology: Topology;
  readonly #ownsDatabase: boolean;
  readonly #prefixes = new Set<string>();

  constructor(topology: Topology, ownsDatabase: boolean) {
    this.#topology = topology;
    this.#ownsDatabase = ownsDatabase;
  }

  get prefixes(): ReadonlySet<string> {
    return this.#prefixes;
  }

  /**
   * Adds a prefix, and registers it on all recovered nodes. On any other node, the prefix is registered
   * when the node is recovered.
   */
  add(prefix: string): void {
    if (this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    for (const node of this.#topology.snapshot.byIndex) {
      if (!node.isRecovered) continue;
      node.run((commands) => commands.addMembers(PREFIXES_KEY, [prefix]), MAINTENANCE).catch(noop);
    }
  }

  /** Whether all keys with a prefix belong to the store. */
  mayPurge(prefix: string): boolean {
    return prefix !== '' || this.#ownsDatabase;
  }
}
