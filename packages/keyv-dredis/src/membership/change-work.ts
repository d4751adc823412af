import { SupersededError } from '../node/superseded.js';
import { ringOf } from '../sharding/topology.js';
import type { ProgressReport } from './change-progress.js';
import { type MoverOptions, moveKeys } from './mover.js';
import { movementOf, namesOf } from './node-lists.js';
import { awayIn } from './node-states.js';
import type { Operator } from './operator.js';
import { readPrefixes } from './our-prefixes.js';
import { type Pace, sleep } from './pace.js';
import { type RecordedNode, recordHead, type TopologyRecord } from './record.js';
import { isOutage, OUTAGE_LIMIT_MS, withRetries } from './retry.js';
import { sweepNode } from './sweep.js';
import { allEnded, type TopologyWriter } from './topology-writer.js';

/** How often to look for lists of prefixes if there are none. */
const LIST_TRIES = 5;

const LIST_WAIT_MS = 100;

/** Nodes that are swept at the same time. */
const MAX_SWEEPS = 4;

export interface ChangeWorkOptions {
  readonly operator: Operator;
  readonly writer: TopologyWriter;
  readonly report: ProgressReport;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** The nodes after the change. */
  readonly after: readonly RecordedNode[];
  readonly lost: ReadonlySet<string>;
}

/** The steps of a change that sweep and move entries. Each can be repeated. */
export class ChangeWork {
  movedCount = 0;
  skippedCount = 0;
  sweptCount = 0;
  readonly #operator: Operator;
  readonly #writer: TopologyWriter;
  readonly #report: ProgressReport;
  readonly #pace: Pace;
  readonly #signal: AbortSignal;
  readonly #steps: Pick<ChangeWorkOptions, 'after' | 'lost'>;

  constructor({ operator, writer, report, pace, signal, after, lost }: ChangeWorkOptions) {
    this.#operator = operator;
    this.#writer = writer;
    this.#report = report;
    this.#pace = pace;
    this.#signal = signal;
    this.#steps = { after, lost };
  }

  /**
   * Removes entries from nodes that do not own them.
   *
   * @param rings nodes of the rings under which a node may own a key
   */
  async sweep(names: readonly string[], rings: readonly (readonly RecordedNode[])[]): Promise<void> {
    this.#report.sweeping(this.#writer.epoch);
    const hashRings = rings.map(ringOf);
    const { head } = this.#writer;
    const { scanCount } = this.#operator.options;
    const prefixes = await this.#prefixes();
    const signal = this.#signal;
    const sweep = async (name: string) => {
      const isOwner = (key: string) => hashRings.some((ring) => ring.get(key) === name);
      const { removedCount } = await this.#untilReachable(name, () =>
        sweepNode({ node: this.#operator.node(name), isOwner, head, prefixes, scanCount, signal }),
      );
      this.sweptCount += removedCount;
    };
    const waiting = names.values();
    const sweepNext = async () => {
      for (const name of waiting) if (!signal.aborted) await sweep(name);
    };
    await allEnded(Array.from({ length: MAX_SWEEPS }, sweepNext));
  }

  /** Moves all entries that have another owner than before. */
  async move(record: TopologyRecord): Promise<void> {
    const { nodes, previous = [], epoch } = record;
    const sources = new Set(movementOf(previous, nodes).map(({ from }) => from));
    let prefixes = await this.#prefixesWhileMoving();
    this.#report.moving(epoch, [...sources]);
    const ring = ringOf(nodes);
    const ringBefore = ringOf(previous);
    const owners = new Map(nodes.map(({ name }) => [name, this.#operator.node(name)]));
    const head = recordHead(record);
    // Other keys are left over from earlier changes, and hold old values.
    const ownerOf = (key: string, from: string) =>
      ringBefore.get(key) === from ? owners.get(ring.get(key) as string) : undefined;
    try {
      for (let isComplete = false; !isComplete; ) {
        await allEnded(
          Array.from(sources, (name) =>
            this.#moveFrom(name, { ownerOf: (key) => ownerOf(key, name), head, prefixes }),
          ),
        );
        const known = new Set(prefixes);
        prefixes = await this.#prefixes();
        isComplete = this.#signal.aborted || [...prefixes].every((prefix) => known.has(prefix));
      }
    } finally {
      this.movedCount += this.#report.movedCount;
    }
  }

  async #moveFrom(name: string, what: Pick<MoverOptions, 'ownerOf' | 'head' | 'prefixes'>): Promise<void> {
    const result = await this.#untilReachable(name, () => {
      this.#report.started(name);
      return moveKeys({
        ...what,
        from: this.#operator.node(name),
        scanCount: this.#operator.options.scanCount,
        pace: this.#pace,
        signal: this.#signal,
        onProgress: (progress) => this.#report.moved(progress, false),
      });
    });
    this.#report.moved(result, !this.#signal.aborted);
    this.skippedCount += result.skippedCount;
  }

  /**
   * The prefixes when entries move. Servers may have evicted their lists, because nobody reads these keys. Stores write
   * them again when the record changes, before they use a server under the new record.
   */
  async #prefixesWhileMoving() {
    for (let tries = 1; ; tries += 1) {
      const prefixes = await this.#prefixes();
      if (prefixes.size > 0 || tries === LIST_TRIES || this.#signal.aborted) return prefixes;
      await sleep(LIST_WAIT_MS, this.#signal);
    }
  }

  /** The prefixes that stores have registered on any node. */
  async #prefixes() {
    const { after, lost } = this.#steps;
    const away = awayIn(this.#writer.record ?? { nodes: [], previous: undefined });
    const names = namesOf(this.#operator.presentNodes, after).filter(
      (name) => !lost.has(name) && !away.has(name),
    );
    const sends = names.map((name) => this.#operator.sendTo(name));
    const read = () => readPrefixes(sends, this.#operator.options.ownsDatabase);
    return (await withRetries(read, OUTAGE_LIMIT_MS, this.#signal)).prefixes;
  }

  /** Repeats a step while its node is briefly unreachable, or if a server came back without its record. */
  #untilReachable<T>(name: string, step: () => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      try {
        // If the server has restarted, it is recovered first.
        await this.#operator.node(name).connect();
        return await step();
      } catch (error) {
        // Stores may have decided that one of the nodes is leaving.
        if (isOutage(error) && (await this.#writer.isSuperseded())) throw new SupersededError();
        if (!(error instanceof SupersededError)) throw error;
        await this.#writer.spread(this.#steps.after);
        return step();
      }
    };
    return withRetries(attempt, OUTAGE_LIMIT_MS, this.#signal);
  }
}
