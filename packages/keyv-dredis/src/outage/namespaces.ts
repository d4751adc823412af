import { ignore } from '../connection/connection.js';
import { PREFIXES_KEY } from '../format/keyspace.js';
import type { Topology } from '../sharding/topology.js';

/**
 * The prefixes of all namespaces that this process uses. Each is written down on every node before its first
 * key, so that whoever finds old keys there knows which are ours.
 */
export class Namespaces {
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

  use(prefix: string): void {
    if (this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    for (const node of this.#topology.snapshot.byIndex) {
      // Others are told when they are admitted.
      if (node.admitted) node.reach((commands) => commands.addMembers(PREFIXES_KEY, [prefix])).catch(ignore);
    }
  }

  /** Whether all keys that begin with a prefix are ours to remove. */
  mayPurge(prefix: string): boolean {
    return prefix !== '' || this.#ownsDatabase;
  }
}
