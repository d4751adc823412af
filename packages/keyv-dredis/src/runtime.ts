import { type Locations, parseLocations } from './config/locations.js';
import type { ResolvedOptions } from './config/options.js';
import { noop } from './connection/connection.js';
import type { Reporter } from './errors/reporter.js';
import type { StoredValue } from './format/values.js';
import { Node, type NodeListener, type RecoveryHooks } from './node/node.js';
import { Failover } from './outage/failover.js';
import { Hints } from './outage/hints.js';
import { MissedWrites } from './outage/missed-writes.js';
import { NamespacesInUse } from './outage/namespaces.js';
import { Recovery } from './outage/recovery.js';
import { Replay } from './outage/replay.js';
import { RestartDetector } from './outage/restart.js';
import { NodePool } from './sharding/node-pool.js';
import { Placement, type WriteObserver } from './sharding/placement.js';
import { type Batch, ReadBatcher } from './sharding/read-batcher.js';
import { Router } from './sharding/router.js';
import { Scanner } from './sharding/scan.js';
import { Scatter } from './sharding/scatter.js';
import { Topology } from './sharding/topology.js';

/** Maximum total length of a batch's keys, in UTF-16 code units. It limits a command to about 64 KB. */
const MAX_BATCH_LENGTH = 65_536;

/** Switches for tests. */
export interface RuntimeSwitches {
  /** Whether to record hints for missed writes. @default true */
  readonly hints?: boolean;
}

/** Creates and wires up the parts that all namespaces of a store share. */
export class Runtime {
  readonly options: ResolvedOptions;
  readonly topology = new Topology();
  readonly nodes: NodePool;
  readonly namespaces: NamespacesInUse;
  readonly observer: WriteObserver;
  readonly reads: ReadBatcher<StoredValue | undefined>;
  readonly router: Router;
  readonly scatter: Scatter;
  readonly scanner: Scanner;
  #onNodeChange: NodeListener = noop;

  /** @throws InvalidOptionError if a location is not allowed */
  constructor(
    locations: Locations | undefined,
    options: ResolvedOptions,
    { hints: recordsHints = true }: RuntimeSwitches = {},
  ) {
    const descriptions = parseLocations(locations, options);
    const { topology } = this;
    const failsOver = options.nodeDownPolicy === 'failover';
    const fallback = failsOver ? new Failover(options.failoverTtlMs) : undefined;
    this.options = options;
    this.namespaces = new NamespacesInUse(topology, options.ownsDatabase);
    const hints = new Hints(topology, this.namespaces, recordsHints);
    this.observer = new MissedWrites(topology, hints, failsOver);
    const { namespaces, observer } = this;
    const { scanCount, restartPolicy, maxBatchSize } = options;
    const recovery: RecoveryHooks = new Recovery(
      new RestartDetector(namespaces, { restartPolicy, scanCount }),
      new Replay({ topology, hints, namespaces, scanCount, failsOver }),
      hints,
    );
    const listener: NodeListener = (node, change) => this.#onNodeChange(node, change);
    this.nodes = new NodePool(
      topology,
      descriptions,
      (description) => new Node(description, options, listener, recovery),
    );
    const placement = new Placement(topology, fallback);
    const limits = { maxKeys: maxBatchSize, maxLength: MAX_BATCH_LENGTH };
    this.reads = new ReadBatcher(limits, (batch) => readBatch(batch, placement));
    this.router = new Router(placement, this.reads, observer);
    this.scatter = new Scatter(placement, this.reads, observer, maxBatchSize);
    this.scanner = new Scanner({ topology, observer, fallback, scanCount });
  }

  /** Emits each change of a node's state as an event. */
  emitNodeEvents(reporter: Reporter): void {
    this.#onNodeChange = (node, { state, reason, durationMs }) =>
      reporter.notify(`node:${state}`, node, reason, durationMs);
  }
}

/** Reads a batch with one MGET per node. */
function readBatch(batch: Batch<StoredValue | undefined>, placement: Placement): void {
  for (const { node, keys, positions } of placement.requestsFor(batch.keys, 0, placement.snapshot)) {
    node.send(
      (commands) => commands.mGet(keys),
      (values) => {
        for (let index = 0; index < values.length; index += 1) {
          batch.resolve(positions[index] as number, values[index]);
        }
      },
      (error) => {
        for (const position of positions) batch.reject(position, error);
      },
    );
  }
}
