import { randomBytes } from 'node:crypto';
import {
  ChangeIncompleteError,
  ChangeLostError,
  DRedisError,
  NodeUnavailableError,
} from '../errors/errors.js';
import { SupersededError } from '../node/superseded.js';
import { atMost } from '../timers.js';
import { NoMajorityError } from './majority.js';
import { isSameNodes, namesOf } from './node-lists.js';
import { awayIn, presentOf } from './node-states.js';
import type { Operator } from './operator.js';
import {
  fingerprintOf,
  formatRecord,
  type RecordedNode,
  recordHead,
  type TopologyRecord,
  UnusableRecordError,
} from './record.js';
import { decide } from './register.js';
import { OUTAGE_LIMIT_MS, withRetries } from './retry.js';
import { raise, readRecord } from './spread.js';

/** How long to wait for answers, in milliseconds, if one of the nodes is lost. */
const ANSWER_MS = 300;

/** Decides and writes the records of one change. */
export class TopologyWriter {
  readonly #operator: Operator;
  readonly #lost: ReadonlySet<string>;
  readonly #found: TopologyRecord | undefined;
  #record: TopologyRecord | undefined;

  /** @param lost names of nodes that are not asked */
  constructor(operator: Operator, record: TopologyRecord | undefined, lost: ReadonlySet<string>) {
    this.#operator = operator;
    this.#found = record;
    this.#record = record;
    this.#lost = lost;
  }

  /** The newest record that this change has found or decided; undefined in epoch 0. */
  get record(): TopologyRecord | undefined {
    return this.#record;
  }

  get epoch(): number {
    return this.#record?.epoch ?? 0;
  }

  /** Goes on with a record that others have decided. */
  follow(record: TopologyRecord): void {
    this.#record = record;
  }

  /** Beginning of the record, as scripts compare it. */
  get head(): string | undefined {
    return this.#record && recordHead(this.#record);
  }

  /** The present nodes. */
  get nodes(): readonly RecordedNode[] {
    return this.#record?.nodes ?? this.#operator.nodes;
  }

  /**
   * Decides the next epoch.
   *
   * @param previous the nodes before, if entries move
   * @throws ChangeLostError if another process has decided the epoch
   */
  async decide(
    nodes: readonly RecordedNode[],
    previous: readonly RecordedNode[] | undefined,
  ): Promise<TopologyRecord> {
    const proposal: TopologyRecord = {
      epoch: this.epoch + 1,
      cache: this.#record?.cache ?? randomBytes(8).toString('hex'),
      phase: previous === undefined ? 'settled' : 'moving',
      nodes,
      previous,
      leaseMs: this.#record?.leaseMs ?? this.#operator.options.leaseMs,
      fingerprint: fingerprintOf(nodes),
    };
    const voters = presentOf(this.nodes).map(({ name }) => ({
      name,
      send: this.#lost.has(name) ? undefined : this.#operator.sendTo(name),
    }));
    const { record, isOurs } = await decide(voters, proposal);
    if (!isOurs) {
      // The process that proposed it may have died before it could write it.
      await Promise.allSettled(voters.map(({ send }) => send && raise(send, record)));
      throw this.#lostTo(record);
    }
    this.#record = record;
    return record;
  }

  /**
   * Writes the present record to its nodes, and to others.
   *
   * @throws ChangeLostError if a node holds a newer one
   */
  async spread(...others: readonly (readonly RecordedNode[])[]): Promise<void> {
    const record = this.#record;
    if (record === undefined) return;
    const names = this.#reachable(record, ...others);
    // Once a node holds a newer record, the others need not be waited for.
    const superseded = new AbortController();
    await allEnded(
      names.map(async (name) => {
        const send = this.#operator.sendTo(name);
        const held = await withRetries(() => raise(send, record), OUTAGE_LIMIT_MS, superseded.signal).catch(
          (error) => {
            throw error instanceof UnusableRecordError ? new NodeUnavailableError(name, error) : error;
          },
        );
        if (formatRecord(held) === formatRecord(record)) return;
        superseded.abort();
        throw this.#lostTo(held);
      }),
    );
  }

  /**
   * Whether a node has lost the present record since {@link spread}. If so, writes it again.
   *
   * @throws ChangeLostError if a node holds a newer one
   */
  async wasForgotten(): Promise<boolean> {
    const record = this.#record as TopologyRecord;
    let isForgotten = false;
    const superseded = new AbortController();
    await allEnded(
      this.#reachable(record).map(async (name) => {
        const held = await withRetries(
          () => readRecord(this.#operator.sendTo(name)),
          OUTAGE_LIMIT_MS,
          superseded.signal,
        );
        if (held === undefined || held.epoch < record.epoch) isForgotten = true;
        else if (held.epoch > record.epoch) {
          superseded.abort();
          throw this.#lostTo(held);
        }
      }),
    );
    if (isForgotten) await this.spread();
    return isForgotten;
  }

  /** Whether a node that answers at once holds a newer record. */
  async isSuperseded(): Promise<boolean> {
    const record = this.#record;
    if (record === undefined) return false;
    let isNewer = false;
    const reads = this.#reachable(record).map(async (name) => {
      const held = await readRecord(this.#operator.sendTo(name));
      if ((held?.epoch ?? 0) > record.epoch) isNewer = true;
    });
    await atMost(ANSWER_MS, Promise.allSettled(reads));
    return isNewer;
  }

  /** Names of the nodes of a record, and others, without those that are lost or away. */
  #reachable(
    { nodes, previous }: TopologyRecord,
    ...others: readonly (readonly RecordedNode[])[]
  ): readonly string[] {
    const away = awayIn({ nodes, previous });
    return namesOf(nodes, previous, ...others.map(presentOf)).filter(
      (name) => !this.#lost.has(name) && !away.has(name),
    );
  }

  /** The error for the caller. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof ChangeLostError) return error;
    const isSuperseded = error instanceof SupersededError;
    if (isSuperseded || error instanceof NoMajorityError) {
      await this.#operator.refresh();
      const { record } = this.#operator;
      if (record !== undefined && record.epoch > this.epoch) return this.#lostTo(record);
    }
    if (isSuperseded) return this.#incomplete('a node has lost its topology record', error);
    const isExpected =
      error instanceof DRedisError ||
      error instanceof NoMajorityError ||
      error instanceof UnusableRecordError;
    return isExpected ? this.#incomplete(error.message, error) : error;
  }

  #incomplete(reason: string, cause: Error): ChangeIncompleteError {
    const next =
      this.#record?.phase === 'moving'
        ? `The cache works meanwhile, in epoch ${this.epoch}, between its nodes before and after the change. Resume the ` +
          'change when all nodes can be reached. If a node is gone for good, remove it as lost'
        : `The cache is in epoch ${this.epoch}. Run the change again`;
    const node = cause instanceof DRedisError ? cause.node : undefined;
    return new ChangeIncompleteError(`The change has stopped before its end: ${reason}. ${next}`, {
      cause,
      ...(node === undefined ? {} : { node }),
    });
  }

  #lostTo({ epoch, phase, nodes }: TopologyRecord): ChangeLostError {
    const own = this.#record;
    const names = nodes.map(({ name }) => name).join(', ');
    const state = `epoch ${epoch}, ${phase === 'moving' ? 'moving to' : 'settled on'} the nodes ${names}`;
    const isNext = own?.phase === 'moving' && epoch === own.epoch + 1 && isSameNodes(own.nodes, nodes);
    if (isNext) {
      return new ChangeLostError(`Another process has finished this change: the cache is in ${state}`, epoch);
    }
    const hasBegun = own !== this.#found;
    return new ChangeLostError(
      `Another process has changed the topology meanwhile: the cache is in ${state}. ` +
        (hasBegun
          ? 'This change was finished by another process before that'
          : 'This change has changed nothing'),
      epoch,
    );
  }
}

/**
 * Waits for all promises, so that no step is left running, and then rejects with the first error. That another process has
 * changed the topology comes first, because it explains the others.
 */
export async function allEnded(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (errors.length > 0) throw errors.find((error) => error instanceof ChangeLostError) ?? errors[0];
}
