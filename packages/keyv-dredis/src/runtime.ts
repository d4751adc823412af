import { type Locations, type NodeDescription, parseLocations } from './config/locations.js';
import type { ResolvedOptions } from './config/options.js';
import { noop } from './connection/connection.js';
import type { Reporter } from './errors/reporter.js';
import type { ChangeSummary, ReshardOptions } from './membership/change-types.js';
import { Coordinator, type CoordinatorOptions } from './membership/coordinator.js';
import { Membership } from './membership/membership.js';
import { pullThrough, type SenderOf } from './membership/pull-through.js';
import type { RecordedNode, TopologyRecord } from './membership/record.js';
import { describeRecorded, toRecorded } from './membership/recorded-nodes.js';
import {
  fingerprintOf,
  type OtherRing,
  RingCheck,
  warnOfRecord,
  warnOfRing,
} from './membership/ring-check.js';
import { topologyEvent } from './membership/topology-event.js';
import type { RecoveryHooks } from './node/node.js';
import { Node } from './node/node.js';
import type { NodeListener } from './node/node-hooks.js';
import type { StoreStatus } from './node/node-status.js';
import { NamespacesInUse } from './outage/namespaces.js';
import { type OnRefusal, OptionalCommands, warnOfRefusal } from './outage/optional-commands.js';
import { RestartDetector, type RestartOptions } from './outage/restart.js';
import { externalReason, reshard } from './reshard.js';
import { BatchSender } from './sharding/batch-sender.js';
import { CallBatcher } from './sharding/call-batcher.js';
import { CallOrder } from './sharding/call-order.js';
import { EntryIterators } from './sharding/entry-iterators.js';
import { MovingCalls, type Pull } from './sharding/moving-calls.js';
import { NodePool, type SharedNode } from './sharding/node-pool.js';
import { Placement } from './sharding/placement.js';
import { Router } from './sharding/router.js';
import { Scanner } from './sharding/scan.js';
import { Scatter } from './sharding/scatter.js';
import { StartOver } from './sharding/start-over.js';
import { Topology } from './sharding/topology.js';
import { atMost, deferred } from './timers.js';

/** Maximum total length of a batch's keys and values, in UTF-16 code units. It limits a command to about 64 KB. */
const MAX_BATCH_LENGTH = 65_536;

/** Switches for tests. Tests leave parts out, to show what these parts prevent. */
export interface RuntimeSwitches {
  /** Parts of a failover that are left out. */
  readonly failover?: CoordinatorOptions['leftOut'];
  /** Replaces the time lease. */
  readonly timeLease?: CoordinatorOptions['Lease'];
  /** Replaces the topology. */
  readonly topology?: Topology;
  /** Replaces the calls for keys whose entries move. */
  readonly movingCalls?: (pull: Pull) => MovingCalls;
  /** Replaces how the scripts of a pull are sent. */
  readonly senderOf?: SenderOf;
}

/** Is told what the store emits as events or process warnings. */
interface Listener extends NodeListener {
  readonly purged: RestartOptions['onPurge'];
  readonly refused: OnRefusal;
  readonly otherRing: (ring: OtherRing) => void;
  readonly adopted: (record: TopologyRecord) => void;
  readonly unfollowed: (record: TopologyRecord, reason: string) => void;
}

/** Creates and wires up the parts that all namespaces of a store share. */
export class Runtime {
  readonly options: ResolvedOptions;
  readonly topology: Topology;
  readonly nodes: NodePool;
  readonly namespaces: NamespacesInUse;
  readonly batcher: CallBatcher;
  readonly router: Router;
  readonly scatter: Scatter;
  readonly scanner: Scanner;
  readonly #restarts: RestartDetector;
  readonly #rings: RingCheck;
  readonly #membership: Membership;
  readonly #coordinator: Coordinator;
  /** Aborted when the store is disconnected. */
  readonly #closing = new AbortController();
  /** Calls of `reshard()` that have not ended. */
  readonly #changes = new Set<Promise<unknown>>();
  /** The process's own locations. Their credentials are used for nodes of the same names in a record. */
  #own: ReadonlyMap<string, NodeDescription>;
  /** Locations that this process has passed to `reshard()`. */
  readonly #targets = new Map<string, NodeDescription>();
  readonly iterators: EntryIterators;
  #listener: Listener = {
    changed: noop,
    failed: noop,
    purged: noop,
    refused: noop,
    otherRing: noop,
    adopted: noop,
    unfollowed: noop,
  };

  /** @throws InvalidOptionError if a location is not allowed */
  constructor(locations: Locations, options: ResolvedOptions, switches: RuntimeSwitches = {}) {
    const { topology = new Topology() } = switches;
    const descriptions = parseLocations(locations, options);
    this.#own = byName(descriptions);
    this.topology = topology;
    this.options = options;
    const { scanCount, restartPolicy, maxBatchSize, ownsDatabase } = options;
    this.namespaces = new NamespacesInUse(ownsDatabase);
    const commands = new OptionalCommands((command, error) => this.#listener.refused(command, error));
    const { namespaces } = this;
    const listener: NodeListener = {
      changed: (node, change) => {
        this.#listener.changed(node, change);
        this.#coordinator.changed();
      },
      failed: (error) => this.#listener.failed(error),
    };
    const onPurge: RestartOptions['onPurge'] = (...purge) => this.#listener.purged(...purge);
    this.#restarts = new RestartDetector(namespaces, { restartPolicy, scanCount, commands, onPurge });
    this.#rings = new RingCheck(topology, (ring) => this.#listener.otherRing(ring));
    this.#membership = new Membership({
      topology,
      fixedReason: fixedReason(descriptions, options),
      connectTimeoutMs: options.connectTimeoutMs,
      adopt: (record) => this.#adopt(record),
      onUnfollowed: (record, reason) => this.#listener.unfollowed(record, reason),
    });
    this.#coordinator = new Coordinator({
      topology,
      membership: this.#membership,
      options,
      ownNodes: () => Array.from(this.#own.values(), toRecorded),
      ownPrefixes: () => namespaces.prefixes,
      leftOut: switches.failover,
      Lease: switches.timeLease,
    });
    const hooks: RecoveryHooks = {
      beforeServing: async (node) => {
        const [isSameRun, onRun] = deferred<boolean>();
        const followed = this.#membership.connected(node, isSameRun);
        // Sent before the commands of the recovery, which do not wait for it.
        void this.#rings.announce(node, followed);
        const recovered = this.#restarts.detectRestart(node, onRun, followed);
        await Promise.all([recovered.finally(() => onRun(false)), followed]);
        void this.#rings.rename(node);
        this.#coordinator.connected();
      },
      synchronize: async (node) => {
        await Promise.all([this.#restarts.restore(node), this.#membership.synchronize(node)]);
      },
      opened: () => this.#coordinator.opened(),
      unreachable: (node) => this.#membership.unreachable(node),
      startsOver: (node) => this.#coordinator.startsOver(node),
    };
    this.nodes = new NodePool(
      topology,
      descriptions,
      (description) => new Node(description, options, listener, hooks),
    );
    const placement = new Placement(topology);
    const limits = { maxKeys: maxBatchSize, maxLength: MAX_BATCH_LENGTH };
    const startOver = new StartOver({
      topology,
      gate: this.#coordinator.gate,
      commandTimeoutMs: options.commandTimeoutMs,
      isClosed: () => this.nodes.closed,
    });
    const pull = pullThrough(() => this.#membership.record, switches.senderOf);
    const moving = switches.movingCalls?.(pull) ?? new MovingCalls(pull);
    const sender = new BatchSender({ placement, moving, startOver });
    this.batcher = new CallBatcher(limits, sender);
    const order = new CallOrder();
    this.router = new Router(this.batcher, order);
    const shared = { placement, batcher: this.batcher, order, moving, startOver };
    this.scatter = new Scatter({ ...shared, maxBatchSize });
    this.scanner = new Scanner({ ...shared, topology, scanCount });
    const readAll: BatchSender['readAll'] = (...keys) => {
      this.batcher.flush();
      return sender.readAll(...keys);
    };
    this.iterators = new EntryIterators({ topology, order, startOver, scanCount, readAll });
  }

  get status(): StoreStatus {
    const { snapshot } = this.topology;
    const { fixedReason } = this.#membership;
    return {
      topology: {
        mode: fixedReason === undefined ? 'shared' : 'fixed',
        reason: fixedReason,
        epoch: snapshot.epoch,
        phase: snapshot.previous === undefined ? 'settled' : 'moving',
        fingerprint: fingerprintOf(snapshot),
        states: Object.fromEntries(Array.from(snapshot.absences, ([{ name }, state]) => [name, state])),
      },
      failover: this.#coordinator.status,
      nodes: snapshot.allNodes.map(({ status }) => status),
    };
  }

  /** Connects every node. @throws PartialFailureError */
  async connect(): Promise<void> {
    await this.nodes.connect();
    await this.#coordinator.ready(this.options.commandTimeoutMs);
  }

  /** Replaces the nodes. @throws PartialFailureError if a new node cannot be reached; then nothing changes */
  async updateNodes(locations: Locations): Promise<void> {
    const descriptions = parseLocations(locations, this.options);
    await this.nodes.update(descriptions);
    this.#own = byName(descriptions);
    this.#rings.announceAll();
  }

  /** Changes the nodes of all processes. See {@link reshard}. */
  reshard(locations: Locations, reshardOptions: ReshardOptions): Promise<ChangeSummary> {
    const { record } = this.#membership;
    const change = reshard(locations, reshardOptions, {
      closing: this.#closing.signal,
      options: this.options,
      membership: this.#membership,
      // The servers of the process's own list may be gone.
      seeds: record === undefined ? [...this.#own.values()] : this.#describe(record.nodes),
      onTarget: (target) => {
        for (const description of target) this.#targets.set(description.name, description);
      },
      onPurge: (...purge) => this.#listener.purged(...purge),
      wakeNodes: () => {
        for (const node of this.topology.snapshot.allNodes) void node.wake();
      },
    });
    const ended = change.then(noop, noop).finally(() => this.#changes.delete(ended));
    this.#changes.add(ended);
    return change;
  }

  /** Stops changes of the topology, and closes all nodes. Idempotent; never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.iterators.releasePaused();
    this.#restarts.stop();
    const stopped = this.#coordinator.stop();
    await atMost(this.options.disconnectTimeoutMs, this.#rings.withdraw());
    await this.nodes.close();
    await Promise.all([stopped, ...this.#changes]);
  }

  /** Emits the nodes' events. */
  emitNodeEvents(reporter: Reporter): void {
    this.#listener = {
      changed: (node, { state, reason, durationMs }) =>
        reporter.notify(`node:${state}`, node, reason, durationMs),
      failed: (error) => reporter.report(error),
      refused: (command, error) => warnOfRefusal(reporter, command, error),
      otherRing: (ring) => warnOfRing(reporter, ring),
      adopted: (record) =>
        reporter.notify(
          record.phase === 'moving' ? 'topology:moving' : 'topology:changed',
          topologyEvent(record),
        ),
      unfollowed: (record, reason) => warnOfRecord(reporter, record, reason),
      purged: (node, reason, keyCount) => reporter.notify('node:purged', node, reason, keyCount),
    };
  }

  /** How this process connects to the nodes of a record. */
  #describe(nodes: readonly RecordedNode[]): readonly SharedNode[] {
    const locations = [...this.#own.values(), ...this.#targets.values()];
    return nodes.map((node) => {
      const { state, log } = node;
      return { ...describeRecorded(node, locations, this.options), state, log };
    });
  }

  /** Uses the nodes of a topology record. */
  #adopt(record: TopologyRecord): void {
    const { epoch, nodes, previous } = record;
    this.nodes.adopt({
      epoch,
      nodes: this.#describe(nodes),
      previous: previous && this.#describe(previous),
    });
    this.#rings.announceAll();
    this.#listener.adopted(record);
    this.#coordinator.changed();
  }
}

/** Why a process cannot follow the topology of all processes, if that is known before it connects. */
function fixedReason(
  descriptions: readonly NodeDescription[],
  { topology }: ResolvedOptions,
): string | undefined {
  if (topology === 'fixed') return 'the option topology is "fixed"';
  return externalReason(descriptions);
}

function byName(descriptions: readonly NodeDescription[]): ReadonlyMap<string, NodeDescription> {
  return new Map(descriptions.map((description) => [description.name, description]));
}
