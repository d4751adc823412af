import { PrefixSet } from '../format/prefix-set.js';
import { ringOf, type Topology } from '../sharding/topology.js';
import { beginLog } from './missed-log.js';
import { readPrefixes } from './our-prefixes.js';
import { recordHead, type TopologyRecord } from './record.js';
import { sendTo } from './send.js';
import { sweepWhole } from './sweep.js';

export interface PreparationOptions {
  readonly topology: Topology;
  readonly scanCount: number;
  readonly ownsDatabase: boolean;
  /** The prefixes of the namespaces that this process uses. */
  readonly ownPrefixes: () => ReadonlySet<string>;
  /** Ends sweeps. */
  readonly signal: AbortSignal;
}

/** Prepares nodes to serve the keys of others that are leaving. */
export class Preparation {
  readonly #options: PreparationOptions;
  #last: { readonly epoch: number; readonly done: Promise<void> } | undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /**
   * Removes entries from all nodes that they do not own, because these entries may be old, and begins the logs of what the
   * leaving nodes are going to miss. Is done once per epoch.
   *
   * @throws DRedisError, SupersededError
   */
  run(record: TopologyRecord): Promise<void> {
    if (this.#last?.epoch !== record.epoch) {
      const done = this.#run(record);
      this.#last = { epoch: record.epoch, done };
      // Whoever waits for it handles the error. After that, it is done again.
      done.catch(() => {
        if (this.#last?.done === done) this.#last = undefined;
      });
    }
    return this.#last?.done ?? Promise.resolve();
  }

  /** The prefixes of all namespaces, as far as the nodes that answer know them. */
  async prefixes(): Promise<PrefixSet> {
    const { ownsDatabase, ownPrefixes, topology } = this.#options;
    const { allNodes, absences } = topology.snapshot;
    const sends = allNodes.filter((node) => !absences.has(node) && node.isAvailable).map(sendTo);
    const { prefixes } = await readPrefixes(sends, ownsDatabase);
    const own = [...ownPrefixes()].filter((prefix) => prefix !== '' || ownsDatabase);
    return new PrefixSet([...prefixes, ...own]);
  }

  async #run(record: TopologyRecord): Promise<void> {
    const { topology, scanCount, signal } = this.#options;
    const { nodes, previous } = record;
    const { absences, allNodes } = topology.snapshot;
    const head = recordHead(record);
    const prefixes = await this.prefixes();
    const rings = [nodes, ...(previous === undefined ? [] : [previous])].map(ringOf);
    const leaving = nodes.filter(({ state }) => state === 'leaving');
    const serving = allNodes.filter(
      (node) => !absences.has(node) && rings.some((ring) => ring.has(node.name)),
    );
    await Promise.all(
      serving.map(async (node) => {
        for (const { name, log } of leaving) if (log !== undefined) await beginLog(node, name, log, head);
        const isOwner = (key: string) => rings.some((ring) => ring.get(key) === node.name);
        await sweepWhole({ node, isOwner, head, prefixes, scanCount, signal });
      }),
    );
  }
}
