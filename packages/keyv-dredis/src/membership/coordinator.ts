import type { ResolvedOptions } from '../config/options.js';
import type { Node } from '../node/node.js';
import type { FailoverStatus } from '../node/node-status.js';
import type { ServingGate } from '../sharding/start-over.js';
import type { Topology } from '../sharding/topology.js';
import { Failover, type FailoverPart } from './failover.js';
import type { Membership } from './membership.js';
import { Proposals } from './proposals.js';
import type { RecordedNode } from './record.js';
import { TopologyGate } from './serving-gate.js';
import { Signal } from './signal.js';
import { TimeLease } from './time-lease.js';

export interface CoordinatorOptions {
  readonly topology: Topology;
  readonly membership: Membership;
  readonly options: ResolvedOptions;
  /** The nodes of this process if there is no record. */
  readonly ownNodes: () => readonly RecordedNode[];
  /** The prefixes of the namespaces that this process uses. */
  readonly ownPrefixes: () => ReadonlySet<string>;
  /** Parts that tests leave out, to show what they prevent. */
  readonly leftOut?: ReadonlySet<FailoverPart> | undefined;
  /** Replaces the time lease. */
  readonly Lease?: typeof TimeLease | undefined;
}

/** Creates and wires up the parts that handle outages on behalf of all processes. */
export class Coordinator {
  /** Decides whether calls may be sent. */
  readonly gate: ServingGate;
  readonly #topology: Topology;
  readonly #membership: Membership;
  readonly #signal = new Signal();
  readonly #lease: TimeLease;
  readonly #failover: Failover;

  constructor({
    topology,
    membership,
    options,
    ownNodes,
    ownPrefixes,
    leftOut = new Set(),
    Lease = TimeLease,
  }: CoordinatorOptions) {
    this.#topology = topology;
    this.#membership = membership;
    const { scanCount, ownsDatabase, nodeDownPolicy } = options;
    const record = () => membership.record;
    const isShared = () => membership.fixedReason === undefined;
    const leaseMs = () => membership.record?.leaseMs ?? options.leaseMs;
    this.#lease = new Lease({ topology, leaseMs, onChange: () => this.changed() });
    const lease = this.#lease;
    const learn: Membership['learn'] = (decided) => membership.learn(decided);
    const proposals = new Proposals({ topology, record, ownNodes, leaseMs, learn });
    const shared = { topology, lease, proposals, record, leaseMs, signal: this.#signal, isShared };
    const waits = nodeDownPolicy === undefined || nodeDownPolicy === 'failover';
    const failover = new Failover({
      ...shared,
      declares: waits,
      scanCount,
      ownsDatabase,
      ownPrefixes,
      leftOut,
    });
    this.#failover = failover;
    this.gate = new TopologyGate({
      lease,
      signal: this.#signal,
      isShared,
      waits,
      isReplaced: (node) => failover.isReplaced(node),
    });
  }

  get status(): FailoverStatus {
    const { obstacle, objectedTo, returnRefusal } = this.#failover;
    return {
      isPossible: obstacle === undefined,
      reason: obstacle,
      hasMajority: !this.#lease.hasFailed,
      objectedTo,
      returnRefusal,
    };
  }

  /** Whether calls that have lost a node start over. */
  startsOver(node: Node): boolean {
    if (this.#membership.fixedReason !== undefined) return false;
    // A node that returns closes the connections of all stores once.
    const { absences, previous } = this.#topology.snapshot;
    const isUnsettled = absences.size > 0 || previous !== undefined;
    return this.#failover.isReplaced(node) || (node.isAvailable && isUnsettled);
  }

  /** Resolves once a failover is possible, as far as that is up to this process. Never rejects. */
  ready(maxMs: number): Promise<void> {
    return this.#failover.initialised(maxMs);
  }

  /** A node has a new connection. */
  connected(): void {
    this.#failover.connected();
  }

  /** A node can be used. */
  opened(): void {
    if (this.#lease.hasFailed) void this.#lease.renew();
    this.changed();
  }

  /** Nodes or the topology have changed, so calls that wait look again, and so does the failover. */
  changed(): void {
    this.#signal.notify();
    this.#failover.wake();
  }

  async stop(): Promise<void> {
    this.#lease.stop();
    await this.#failover.stop();
  }
}
