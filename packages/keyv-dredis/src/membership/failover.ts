import { randomBytes, randomInt } from 'node:crypto';
import { noop } from '../connection/connection.js';
import type { Node } from '../node/node.js';
import { MIN_VOTERS, type Topology } from '../sharding/topology.js';
import { atMost, timers } from '../timers.js';
import { NoMajorityError } from './majority.js';
import { decisionsIn, isReplaceable, namesIn, withAway, withLeaving, withObjection } from './node-states.js';
import { obstacleIn } from './obstacles.js';
import { jitter, takeOverMs } from './pace.js';
import { Patience } from './patience.js';
import { Preparation } from './preparation.js';
import type { Proposals } from './proposals.js';
import type { RecordedNode, TopologyRecord } from './record.js';
import { Returns } from './returns.js';
import { Signal } from './signal.js';
import type { TimeLease } from './time-lease.js';
import { VoterStates } from './voter-states.js';

/**
 * How much longer than a lease processes wait. A clock that runs 5 % fast and one that runs 5 % slow differ by 10.6 %.
 */
export const CLOCK_MARGIN = 1.15;

/** How long to wait for a reply that decides whether to object, in milliseconds. */
const OBJECTION_MS = 400;

/** How long to wait for a last attempt to use a node, in milliseconds. */
const ATTEMPT_MS = 250;

const RETRY_MS = 100;
const POLL_MS = 10;
/** How long an obstacle counts, in milliseconds. */
const OBSTACLE_MS = 1_000;

export interface FailoverOptions {
  readonly topology: Topology;
  readonly lease: TimeLease;
  readonly proposals: Proposals;
  readonly record: () => TopologyRecord | undefined;
  readonly leaseMs: () => number;
  readonly signal: Signal;
  /** Whether this process follows the topology of all processes. */
  readonly isShared: () => boolean;
  /** Whether this process declares that nodes are leaving. Otherwise, it only follows what others decide. */
  readonly declares: boolean;
  readonly scanCount: number;
  readonly ownsDatabase: boolean;
  /** The prefixes of the namespaces that this process uses. */
  readonly ownPrefixes: () => ReadonlySet<string>;
  /** Parts that tests leave out, to show what they prevent. */
  readonly leftOut: ReadonlySet<FailoverPart>;
}

export type FailoverPart = 'wait' | 'closing';
/**
 * Removes nodes that cannot be used from the ring, and brings them back, for all processes at once. Every process runs
 * the same steps, and each step is decided once: a node is `leaving`, then `away`, then `returning`, and then entries
 * move back to it. docs/outages.md explains the protocol.
 */
export class Failover {
  readonly #options: FailoverOptions;
  readonly #returns: Returns;
  /** Wakes the loop. */
  readonly #wakeUp = new Signal();
  readonly #stopping = new AbortController();
  /** When a majority first held the decision about a node, by name. See {@link decisionsIn}. */
  readonly #since = new Map<string, { readonly decision: string; readonly at: number }>();
  /** Nodes that this process has declared to be leaving. */
  readonly #declared = new Set<string>();
  readonly #patience = new Patience();
  readonly #preparation: Preparation;
  readonly #voters: VoterStates;
  #obstacle: { readonly reason: string; readonly until: number } | undefined;
  #running: Promise<void> | undefined;
  #mustLookAgain = false;

  constructor(options: FailoverOptions) {
    this.#options = options;
    this.#voters = new VoterStates(options);
    this.#preparation = new Preparation({ ...options, signal: this.#stopping.signal });
    this.#returns = new Returns({
      ...options,
      prefixes: () => this.#preparation.prefixes(),
      since: (name) => this.#since.get(name)?.at,
      signal: this.#stopping.signal,
    });
  }

  /** Why this process does not replace nodes that it cannot use; undefined if it does. */
  get obstacle(): string | undefined {
    const { topology, isShared, declares } = this.#options;
    if (!declares) return "nodeDownPolicy is not 'failover'";
    if (!isShared()) return 'this process keeps to its own locations';
    const [voters = []] = topology.snapshot.voters;
    if (voters.length < MIN_VOTERS)
      return `${voters.length} nodes vote, and a failover needs ${MIN_VOTERS}; a node with weight 0 counts`;
    return this.#obstacle?.reason;
  }

  /** Why this process cannot bring back a node that answers again; undefined if it can, or if it has not tried. */
  get returnRefusal(): string | undefined {
    return this.#returns.refusal;
  }

  /** Names of nodes that this process cannot use, although others can: they have objected. */
  get objectedTo(): readonly string[] {
    return this.#patience.names;
  }

  /** Whether a node that this process cannot use is going to be replaced, so that calls wait for that. */
  isReplaced(node: Node): boolean {
    const { declares, lease, proposals } = this.#options;
    if (!declares || lease.hasFailed || this.obstacle !== undefined) return false;
    if (this.#patience.has(node.name)) return false;
    return isReplaceable(proposals.present, node.name);
  }

  /** A node has a new connection, so its server may be a new one, or have lost its votes. */
  connected(): void {
    this.#voters.connected();
    this.wake();
  }

  /** Resolves once all nodes can vote, or if it is not known that they all answer. Never rejects. */
  async initialised(maxMs: number): Promise<void> {
    if (!this.#options.declares) return;
    this.wake();
    await this.#voters.complete(() => this.#running !== undefined, maxMs);
  }

  /** Looks whether there is something to do. */
  wake(): void {
    this.#mustLookAgain = true;
    this.#wakeUp.notify();
    if (this.#running !== undefined || this.#stopping.signal.aborted || !this.#options.isShared()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#mustLookAgain) this.wake();
    });
  }

  /** Ends all steps. Resolves when nothing is in progress. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeUp.notify();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#mustLookAgain = false;
      let waitMs: number | undefined;
      try {
        waitMs = await this.#step();
      } catch {
        // A node is unreachable, or another process has decided something else. The next look tells.
        waitMs = RETRY_MS + randomInt(RETRY_MS);
      }
      this.#options.signal.notify();
      if (this.#stopping.signal.aborted || (waitMs === undefined && !this.#mustLookAgain)) return;
      if (waitMs !== undefined && waitMs > 0 && !this.#mustLookAgain) await this.#wakeUp.next(waitMs);
    }
  }

  /** Takes the next step. @returns after how many milliseconds to look again; undefined if all nodes are in service */
  async #step(): Promise<number | undefined> {
    const { proposals } = this.#options;
    const { present } = proposals;
    this.#observe();
    const waits: number[] = [];
    for (const name of namesIn(present, 'leaving')) {
      // If that fails, another node may have been lost, which has to leave first.
      const waitMs = await this.#leaving(name).catch(() => RETRY_MS);
      if (waitMs === undefined) return 0;
      waits.push(waitMs);
    }
    const down = this.#declarable();
    if (down !== undefined) {
      await this.#declare(down);
      return 0;
    }
    if (this.#options.declares) await this.#voters.initialise();
    if (waits.length === 0) {
      const waitMs = await this.#returns.next();
      if (waitMs !== undefined) waits.push(waitMs);
    }
    const { leftMs } = this.#patience;
    if (leftMs !== undefined) waits.push(leftMs);
    if (this.#obstacle !== undefined) waits.push(Math.max(RETRY_MS, this.#obstacle.until - timers.now()));
    return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
  }

  /** Notes since when nodes are in their states, and objections to what this process has declared. */
  #observe(): void {
    const { proposals, record } = this.#options;
    const decisions = decisionsIn(proposals.present, record()?.epoch ?? 0);
    for (const [name, { decision }] of this.#since) {
      if (decisions.get(name) !== decision) this.#since.delete(name);
    }
    if (proposals.isSpread) {
      for (const [name, decision] of decisions) {
        if (!this.#since.has(name)) this.#since.set(name, { decision, at: timers.now() });
      }
    }
    const leaving = namesIn(proposals.present, 'leaving');
    for (const name of this.#declared) {
      if (leaving.includes(name)) continue;
      this.#declared.delete(name);
      if (!decisions.has(name)) this.#patience.objected(name);
    }
    if (this.#obstacle !== undefined && this.#obstacle.until <= timers.now()) this.#obstacle = undefined;
  }

  /** @returns after how many milliseconds to look again; undefined if a record was decided */
  async #leaving(name: string): Promise<number | undefined> {
    const { proposals, record, leaseMs, leftOut } = this.#options;
    const { present } = proposals;
    const before = record();
    if (before === undefined) return RETRY_MS;
    const node = this.#node(name);
    if (node !== undefined && (await this.#answers(node))) {
      await jitter(this.#stopping.signal);
      if (record() !== before) return undefined;
      // Others have not objected.
      this.#declared.delete(name);
      await proposals.propose(withObjection(present, name), before);
      return undefined;
    }
    const since = this.#since.get(name);
    if (since === undefined) return POLL_MS;
    const isOwn = this.#declared.has(name);
    if (isOwn) this.#preparation.run(before).catch(noop);
    const delayMs = isOwn ? 0 : takeOverMs();
    const waitMs = leftOut.has('wait') ? 0 : leaseMs() * CLOCK_MARGIN;
    const leftMs = since.at + waitMs + delayMs - timers.now();
    if (leftMs > 0) return Math.min(leftMs, leaseMs() / 4);
    await this.#preparation.run(before);
    await proposals.propose(withAway(present, name), before);
    return undefined;
  }

  async #answers(node: Node): Promise<boolean> {
    if (!node.isAvailable) return false;
    const askedAt = timers.now();
    await atMost(OBJECTION_MS, node.confirm());
    return node.isAvailable && node.confirmedAt(this.#options.topology.snapshot.epoch) >= askedAt;
  }

  /** A node that this process cannot use, and that should leave. */
  #declarable(): RecordedNode | undefined {
    const { proposals, topology } = this.#options;
    const { absences } = topology.snapshot;
    const { nodes, previous = [] } = proposals.present;
    return [...nodes, ...previous].find(({ name }) => {
      const node = this.#node(name);
      return (
        node !== undefined && !absences.has(node) && node.status.state === 'down' && this.isReplaced(node)
      );
    });
  }

  /** Declares that a node is leaving. */
  async #declare({ name }: RecordedNode): Promise<void> {
    const { proposals, lease, record, topology, ownsDatabase } = this.#options;
    const before = record();
    await jitter(this.#stopping.signal);
    const node = this.#node(name);
    // The server may be back, while the node waits for its next retry.
    await atMost(ATTEMPT_MS, node?.connect() ?? Promise.resolve()).catch(noop);
    if (record() !== before || node?.status.state !== 'down') return;
    const askedAt = timers.now();
    const { snapshot } = topology;
    await atMost(ATTEMPT_MS, Promise.all(snapshot.allNodes.map((each) => each.confirm())));
    // A process without a majority is the one that is cut off.
    if (!lease.isHeld(snapshot)) throw lease.failure();
    // Each store that may use a node is connected to a majority.
    const answering = snapshot.allNodes.filter((each) => each.confirmedAt(snapshot.epoch) >= askedAt);
    const reason = await obstacleIn(answering, proposals.present.nodes, before === undefined, ownsDatabase);
    if (reason !== undefined) return this.#stopBy(reason);
    if (record() !== before) return;
    this.#declared.add(name);
    const log = randomBytes(8).toString('hex');
    try {
      const isOurs = await proposals.propose(withLeaving(proposals.present, name, log), before);
      if (!isOurs) this.#declared.delete(name);
    } catch (error) {
      this.#declared.delete(name);
      if (!(error instanceof NoMajorityError)) throw error;
      this.#stopBy(error.message);
    }
  }

  #stopBy(reason: string): void {
    this.#obstacle = { reason, until: timers.now() + OBSTACLE_MS };
  }

  #node(name: string): Node | undefined {
    return this.#options.topology.snapshot.allNodes.find((node) => node.name === name);
  }
}
