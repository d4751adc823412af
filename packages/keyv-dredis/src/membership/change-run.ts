import { ChangeLostError } from '../errors/errors.js';
import { SupersededError } from '../node/superseded.js';
import { timers } from '../timers.js';
import { ProgressReport } from './change-progress.js';
import { ChangeWork } from './change-work.js';
import { CLOCK_MARGIN } from './failover.js';
import { isSameNodes, movementOf, namesOf } from './node-lists.js';
import { namesIn, presentOf, withLeaving, withoutPrevious, withStatesOf } from './node-states.js';
import type { Operator } from './operator.js';
import { Pace, sleep } from './pace.js';
import type { ChangeRunOptions, ChangeSummary } from './plan.js';
import type { RecordedNode, TopologyRecord } from './record.js';
import { OUTAGE_LIMIT_MS } from './retry.js';
import { TopologyWriter } from './topology-writer.js';

/** What a change does, as planned. */
export interface ChangeSteps {
  /** The record that was found; undefined in epoch 0. */
  readonly record: TopologyRecord | undefined;
  readonly before: readonly RecordedNode[];
  readonly after: readonly RecordedNode[];
  readonly lost: ReadonlySet<string>;
}

const POLL_MS = 100;

/** Carries out one change. Any process can repeat each step, so a run may end anywhere. */
export class ChangeRun {
  readonly #operator: Operator;
  readonly #steps: ChangeSteps;
  readonly #writer: TopologyWriter;
  readonly #signal: AbortSignal;
  readonly #work: ChangeWork;
  readonly #report: ProgressReport;
  readonly #startedAt = timers.now();

  constructor(
    operator: Operator,
    steps: ChangeSteps,
    { onProgress, signal, maxKeysPerSecond = Number.POSITIVE_INFINITY }: ChangeRunOptions,
  ) {
    this.#operator = operator;
    this.#steps = steps;
    this.#writer = new TopologyWriter(operator, steps.record, steps.lost);
    this.#signal = signal ?? new AbortController().signal;
    this.#report = new ProgressReport((progress) => {
      try {
        onProgress?.(progress);
      } catch {
        // An error of the caller's function must not leave the change unfinished.
      }
    });
    this.#work = new ChangeWork({
      operator,
      writer: this.#writer,
      report: this.#report,
      pace: new Pace(maxKeysPerSecond, this.#signal),
      signal: this.#signal,
      after: steps.after,
      lost: steps.lost,
    });
  }

  /** @throws ChangeLostError, ChangeIncompleteError */
  async run(): Promise<ChangeSummary> {
    for (;;) {
      try {
        await this.#run();
        break;
      } catch (error) {
        if (!(await this.#followStates(error))) throw await this.#writer.explain(error);
      }
    }
    if (this.#isSettled) this.#report.settled(this.#writer.epoch);
    return this.#summary();
  }

  async #run(): Promise<void> {
    const { lost } = this.#steps;
    const { record } = this.#writer;
    // The scripts of a change only work on servers with the present record.
    await this.#writer.spread(this.#after);
    if (record?.phase === 'moving') {
      if (lost.size > 0) await this.#dropLost(record);
      else await this.#finish(record);
    }
    if (!this.#signal.aborted && !isSameNodes(this.#writer.nodes, this.#after)) await this.#change();
  }

  /** The nodes after the change, with their present states. */
  get #after(): readonly RecordedNode[] {
    return withStatesOf(this.#steps.after, this.#writer.nodes);
  }

  /**
   * Goes on under a newer record in which only states of nodes have changed, because stores have lost a node meanwhile.
   *
   * @returns whether there is one
   */
  async #followStates(error: unknown): Promise<boolean> {
    const isOther = error instanceof ChangeLostError || error instanceof SupersededError;
    // A node that was declared lost, but is not, is not removed.
    if (!isOther || this.#signal.aborted || this.#steps.lost.size > 0) return false;
    const { record: own, nodes } = this.#writer;
    const endsAt = timers.now() + OUTAGE_LIMIT_MS;
    do {
      await this.#operator.refresh();
      const { record } = this.#operator;
      const isSame =
        record !== undefined &&
        record.epoch > this.#writer.epoch &&
        isSameNodes(record.nodes, nodes) &&
        isSameNodes(record.previous ?? [], own?.previous ?? []);
      if (!isSame) return false;
      if (namesIn(record, 'leaving').length + namesIn(record, 'returning').length === 0) {
        this.#writer.follow(record);
        return true;
      }
      await sleep(POLL_MS, this.#signal);
    } while (timers.now() < endsAt && !this.#signal.aborted);
    return false;
  }

  get #isSettled(): boolean {
    const { record, nodes } = this.#writer;
    return record?.phase !== 'moving' && isSameNodes(nodes, this.#steps.after);
  }

  #summary(): ChangeSummary {
    const { before, after } = this.#steps;
    return {
      epoch: this.#writer.epoch,
      before,
      after,
      movedCount: this.#work.movedCount,
      skippedCount: this.#work.skippedCount,
      sweptCount: this.#work.sweptCount,
      durationMs: timers.now() - this.#startedAt,
      isStopped: !this.#isSettled,
    };
  }

  /** From a settled record to other nodes. */
  async #change(): Promise<void> {
    const { lost } = this.#steps;
    if (lost.size > 0) return this.#removeLost();
    const { nodes: before } = this.#writer;
    const after = this.#after;
    const flows = movementOf(before, after);
    const receivers = new Set(flows.map(({ to }) => to));
    await this.#work.sweep([...receivers], [before]);
    if (this.#signal.aborted) return;
    const isMoving = flows.length > 0;
    const record = await this.#writer.decide(after, isMoving ? before : undefined);
    await this.#writer.spread(before);
    if (isMoving) await this.#finish(record);
  }

  /**
   * Removes nodes that are lost. Their entries cannot be moved, and no other entries change their owner. One node per
   * epoch, so that the majorities of two epochs overlap.
   */
  async #removeLost(): Promise<void> {
    for (const name of this.#steps.lost) {
      const isThere = (node: RecordedNode) => node.name === name;
      const before = this.#writer.nodes.find(isThere);
      if (before === undefined) continue;
      if (before.state !== 'away') {
        const { nodes } = await this.#leave(name);
        await this.#work.sweep(
          namesOf(presentOf(nodes)).filter((other) => other !== name),
          [nodes],
        );
      }
      if (this.#signal.aborted) return;
      const rest = this.#writer.nodes.filter((node) => !isThere(node));
      await this.#writer.decide(rest, undefined);
      await this.#writer.spread();
    }
  }

  /**
   * Decides that nobody uses a lost node any more, and waits until that is so: a process that still reaches it may use it
   * until its lease is over.
   */
  async #leave(name: string): Promise<TopologyRecord> {
    const { nodes, record: before } = this.#writer;
    const next = withLeaving({ nodes, previous: before?.previous }, name, undefined);
    const record = await this.#writer.decide(next.nodes, next.previous);
    await this.#writer.spread();
    await sleep(record.leaseMs * CLOCK_MARGIN, this.#signal);
    return record;
  }

  /** Goes on with an unfinished change without the nodes that were lost meanwhile. */
  async #dropLost({ nodes, previous = [] }: TopologyRecord): Promise<void> {
    const { lost } = this.#steps;
    const after = this.#after;
    for (const name of lost) {
      const isAway = nodes.some((node) => node.name === name && node.state === 'away');
      if (!isAway) await this.#leave(name);
    }
    if (this.#signal.aborted) return;
    const living = previous.filter(({ name }) => !lost.has(name));
    // The keys of lost nodes get new owners, which may have old entries of these keys.
    await this.#work.sweep(namesOf(presentOf(after), presentOf(living)), [previous, nodes]);
    if (this.#signal.aborted) return;
    const isMoving = living.length > 0 && movementOf(living, after).length > 0;
    const record = await this.#writer.decide(after, isMoving ? living : undefined);
    await this.#writer.spread(living);
    if (isMoving) await this.#finish(record);
  }

  /** Moves the entries and settles, from a record that is `moving`. */
  async #finish(record: TopologyRecord): Promise<void> {
    do {
      await this.#work.move(record);
      if (this.#signal.aborted) return;
      // A server that came back empty meanwhile may have got entries from a store that did not know the record.
    } while (await this.#writer.wasForgotten());
    await this.#writer.decide(withoutPrevious(record).nodes, undefined);
    await this.#writer.spread(record.previous ?? []);
  }
}
