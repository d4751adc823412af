import { randomBytes } from 'node:crypto';
import { NodeUnavailableError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import type { Topology } from '../sharding/topology.js';
import { atMost, timers } from '../timers.js';
import { majorityOf } from './majority.js';
import { type Next, presentOf } from './node-states.js';
import { sleep } from './pace.js';
import { fingerprintOf, type RecordedNode, type TopologyRecord } from './record.js';
import { decide, initialiseVoters, type Voter } from './register.js';
import { type Send, sendTo } from './send.js';
import { raise } from './spread.js';

/** Time limit for a decision, in milliseconds. If it fails, it is tried again. */
const DECIDE_MS = 2_000;

/** How long to wait for one voter, in milliseconds. It may be frozen, and the others are enough. */
const VOTER_MS = 400;

/** How long to wait for the record of the epoch before to reach a majority, in milliseconds. */
const SPREAD_MS = 2_000;

const POLL_MS = 5;

export interface ProposalsOptions {
  readonly topology: Topology;
  readonly record: () => TopologyRecord | undefined;
  /** The nodes if there is no record. */
  readonly ownNodes: () => readonly RecordedNode[];
  readonly leaseMs: () => number;
  /** Uses a record that was decided. */
  readonly learn: (record: TopologyRecord) => void;
}

/** Decides records on behalf of one process, over the connections of its store. */
export class Proposals {
  readonly #options: ProposalsOptions;

  constructor(options: ProposalsOptions) {
    this.#options = options;
  }

  /** The present nodes, and while entries move, the nodes before. */
  get present(): Next {
    const { record, ownNodes } = this.#options;
    const { nodes, previous } = record() ?? { nodes: ownNodes(), previous: undefined };
    return { nodes, previous };
  }

  /** Whether a majority of the voters holds the present record, in each of their lists. */
  get isSpread(): boolean {
    const { epoch, voters } = this.#options.topology.snapshot;
    return voters.every(
      (nodes) => nodes.filter((node) => node.epoch === epoch).length >= majorityOf(nodes.length),
    );
  }

  /** Lets all nodes vote. Necessary once per run of a server, while all nodes answer. Never rejects. */
  async initialiseVoters(): Promise<boolean> {
    const record = this.#options.record();
    const instance = { epoch: (record?.epoch ?? 0) + 1, cache: record?.cache ?? '' };
    return initialiseVoters(this.#voters, instance);
  }

  get #voters(): readonly Voter[] {
    const byName = new Map(this.#options.topology.snapshot.allNodes.map((node) => [node.name, node]));
    return presentOf(this.present.nodes).map(({ name }) => ({
      name,
      send: limited(name, byName.get(name)),
    }));
  }

  /**
   * Decides the next record, and uses it.
   *
   * @param before the record from which the next one was made. If it is not the present one any more, because the process
   * was waiting or stood still meanwhile, nothing is proposed: the next record would undo what was decided since.
   * @returns whether this proposal was decided, and not another one
   * @throws NoMajorityError, DRedisError
   */
  async propose(next: Next, before: TopologyRecord | undefined): Promise<boolean> {
    const { record: recordNow, learn, leaseMs, topology } = this.#options;
    if (recordNow() !== before) return false;
    const voters = this.#voters;
    // Each epoch reaches a majority of its voters before the next is decided. So the leases of two epochs overlap.
    const endsAt = timers.now() + SPREAD_MS;
    while (!this.isSpread && timers.now() < endsAt) await sleep(POLL_MS);
    if (!this.isSpread) throw new Error('the record has not reached a majority');
    if (recordNow() !== before) return false;
    const proposal: TopologyRecord = {
      epoch: (before?.epoch ?? 0) + 1,
      cache: before?.cache ?? randomBytes(8).toString('hex'),
      phase: next.previous === undefined ? 'settled' : 'moving',
      nodes: next.nodes,
      previous: next.previous,
      leaseMs: before?.leaseMs ?? leaseMs(),
      fingerprint: fingerprintOf(next.nodes),
    };
    const { record, isOurs } = await decide(voters, proposal, { timeoutMs: DECIDE_MS });
    learn(record);
    for (const node of topology.snapshot.allNodes)
      if (node.isAvailable) raise(sendTo(node), record).catch(() => undefined);
    return isOurs;
  }
}

/** Sends maintenance commands to a voter, and waits for a short time only. */
function limited(name: string, node: Node | undefined): Send {
  return async <T>(request: Parameters<Node['run']>[0]) => {
    if (node === undefined || !node.isAvailable)
      throw new NodeUnavailableError(name, new Error('it is down'));
    let reply: { readonly value: T } | undefined;
    const asked = sendTo(node)(request).then((value) => {
      reply = { value: value as T };
    });
    await atMost(VOTER_MS, asked);
    if (reply === undefined) throw new NodeUnavailableError(name, new Error(`no reply in ${VOTER_MS} ms`));
    return reply.value;
  };
}
