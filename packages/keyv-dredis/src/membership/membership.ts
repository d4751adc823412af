import { noop } from '../connection/connection.js';
import { type DRedisError, NodeUnavailableError } from '../errors/errors.js';
import { TOPOLOGY_KEY } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import { isRefusal } from '../node/replies.js';
import { MAINTENANCE, UNKNOWN_EPOCH } from '../node/send-options.js';
import type { TrackedText } from '../node/server-commands.js';
import { MIN_VOTERS, type Topology } from '../sharding/topology.js';
import { atMost, timers } from '../timers.js';
import { INQUIRY_TIMEOUT_MS, Inquiries } from './inquiries.js';
import { majorityOf } from './majority.js';
import { parseRecord, type TopologyRecord, UnusableRecordError } from './record.js';
import { sendTo } from './send.js';
import { OtherCacheError, raise, readRecord } from './spread.js';

/** Dependencies of {@link Membership}. */
export interface MembershipOptions {
  readonly topology: Topology;
  /** Why the process keeps to its own list of nodes; undefined if it follows the topology of all processes. */
  readonly fixedReason: string | undefined;
  /** Uses the nodes of a record from now on. */
  readonly adopt: (record: TopologyRecord) => void;
  /** How long to wait for the answers of other nodes, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Called when a process that should follow cannot, although there is a record. */
  readonly onUnfollowed: (record: TopologyRecord, reason: string) => void;
}

/**
 * Follows the topology record. Every server holds the record. A connection of the store acts under a record only while
 * the server holds it: the server tells when the record changes, before the reply to any later command. This fence is
 * the client-side caching of Redis (CLIENT TRACKING), used for one key.
 *
 * A server with an older record, or none, gets the newest one from the process that notices it first.
 */
export class Membership {
  readonly #options: MembershipOptions;
  #record: TopologyRecord | undefined;
  #fixedReason: string | undefined;
  readonly #inquiries: Inquiries;
  /** The nodes that have held the record of an epoch, by name. */
  #witnesses = { epoch: 0, names: new Set<string>() };
  /** Resolve once a record with an epoch is used. */
  readonly #waiting = new Set<{ readonly epoch: number; readonly resolve: () => void }>();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#fixedReason = options.fixedReason;
    this.#inquiries = new Inquiries(async (node) => {
      this.#follow(await readRecord(sendTo(node)), node);
    });
  }

  /** The newest known record; undefined in epoch 0. */
  get record(): TopologyRecord | undefined {
    return this.#record;
  }

  /** Why the process keeps to its own list of nodes; undefined if it follows the topology of all processes. */
  get fixedReason(): string | undefined {
    return this.#fixedReason;
  }

  /** Resolves once this process uses a record that has at least this epoch. */
  async reached(epoch: number): Promise<void> {
    if ((this.#record?.epoch ?? 0) >= epoch) return;
    await new Promise<void>((resolve) => this.#waiting.add({ epoch, resolve }));
  }

  /**
   * Runs after each connect. The server may have restarted with an older record or without one, so the other servers
   * are asked, too.
   *
   * @param isSameRun whether a process has used this run of the server before, and so has brought its record up to date
   * @throws DRedisError
   */
  connected(node: Node, isSameRun: Promise<boolean>): Promise<void> {
    node.holds(UNKNOWN_EPOCH, node.refreshCount, Number.NEGATIVE_INFINITY);
    return this.#synchronize(node, isSameRun);
  }

  /** Runs when the record may have changed. @throws DRedisError */
  synchronize(node: Node): Promise<void> {
    return this.#synchronize(node, undefined);
  }

  /**
   * Runs when a node cannot be connected. As long as there is no record, the list of nodes may be old. So other servers
   * are asked before the calls for this node fail.
   */
  async unreachable(node: Node): Promise<void> {
    this.#inquiries.failed(node);
    if (this.#fixedReason === undefined && this.#record === undefined) await this.#askOthers(node);
  }

  /** Uses a record that was decided, unless the known one is as new. */
  learn(record: TopologyRecord): void {
    if (record.cache === (this.#record?.cache ?? record.cache)) this.#use(record);
  }

  /** @param isSameRun undefined if the connection is not new */
  async #synchronize(node: Node, isSameRun: Promise<boolean> | undefined): Promise<void> {
    const { refreshCount } = node;
    const sentAt = timers.now();
    if (this.#fixedReason === undefined) {
      const held = await checked(node, this.#readTracked(node));
      // Another node may have refused meanwhile.
      if (this.#fixedReason !== undefined) await this.#stopTracking(node);
      this.#follow(held, node);
      this.#inquiries.told(node);
      if (isSameRun !== undefined || held === undefined) await this.#askOthers(node);
      if (isSameRun !== undefined && !(await isSameRun)) await this.#askEnough(node, sentAt);
      const record = this.#record;
      if (record !== undefined && (held === undefined || held.epoch < record.epoch)) {
        // The server tells that the record has changed, and it is read again.
        this.#follow(await checked(node, raise(sendTo(node), record)), node);
        return;
      }
    }
    const record = this.#record;
    if (record?.previous !== undefined) await this.#witness(record, node);
    node.holds(record?.epoch ?? 0, refreshCount, sentAt);
  }

  /**
   * Makes sure that a second server of the nodes before holds the record, before this process moves entries under it.
   * Otherwise, a single server that comes back empty could take the last trace of the record with it, and a process
   * that knows only the nodes before would go on as before.
   */
  async #witness(record: TopologyRecord, node: Node): Promise<void> {
    if (this.#witnesses.epoch !== record.epoch) this.#witnesses = { epoch: record.epoch, names: new Set() };
    const { names } = this.#witnesses;
    names.add(node.name);
    const before = [...(this.#options.topology.snapshot.previous?.nodes.values() ?? [])];
    const needed = Math.min(2, before.length);
    const count = () => before.filter(({ name }) => names.has(name)).length;
    for (const other of before) {
      if (count() >= needed) return;
      if (names.has(other.name) || !other.isAvailable) continue;
      const told = raise(sendTo(other), record).then(() => names.add(other.name));
      await atMost(INQUIRY_TIMEOUT_MS, told).catch(noop);
    }
  }

  async #readTracked(node: Node): Promise<TopologyRecord | undefined> {
    if (!node.tellsInvalidations) {
      this.#keepToOwnList(
        `the options of node ${node.name} do not allow CLIENT TRACKING, which needs RESP 3`,
      );
      return undefined;
    }
    let reply: TrackedText;
    try {
      reply = await node.run((commands) => commands.trackedText(TOPOLOGY_KEY), MAINTENANCE);
    } catch (error) {
      if (!isRefusal(error) || this.#record !== undefined) throw error;
      this.#keepToOwnList(
        `node ${node.name} does not let this process read ${TOPOLOGY_KEY}: ${causeOf(error)}`,
      );
      return undefined;
    }
    const held = reply.text === undefined ? undefined : parseRecord(reply.text);
    if (reply.refusal === undefined) return held;
    const reason = `node ${node.name} refuses CLIENT TRACKING: ${causeOf({ cause: reply.refusal })}`;
    if (this.#record !== undefined)
      throw new UnusableRecordError(`the store cannot follow its topology record: ${reason}`);
    this.#keepToOwnList(reason);
    if (held !== undefined) this.#options.onUnfollowed(held, reason);
    return undefined;
  }

  #keepToOwnList(reason: string): void {
    if (this.#fixedReason !== undefined) return;
    this.#fixedReason = reason;
    for (const node of this.#options.topology.snapshot.allNodes) {
      if (node.isRecovered) void this.#stopTracking(node);
    }
  }

  /** A change takes a connection that is tracking for one whose process follows. Never rejects. */
  async #stopTracking(node: Node): Promise<void> {
    if (!node.tellsInvalidations) return;
    await node.run((commands) => commands.stopTracking(), MAINTENANCE).catch(noop);
  }

  /** Uses a record if it is newer than the known one. @throws NodeUnavailableError if it belongs to another cache */
  #follow(held: TopologyRecord | undefined, node: Node): void {
    if (held === undefined || this.#fixedReason !== undefined) return;
    const known = this.#record;
    if (known !== undefined && known.cache !== held.cache) {
      throw new NodeUnavailableError(node.name, new OtherCacheError(held));
    }
    this.#use(held);
  }

  #use(held: TopologyRecord): void {
    if ((this.#record?.epoch ?? 0) >= held.epoch) return;
    this.#record = held;
    this.#options.adopt(held);
    this.#inquiries.keepOnly(this.#options.topology.snapshot.allNodes);
    for (const waiter of this.#waiting) {
      if (waiter.epoch > held.epoch) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
    for (const other of this.#options.topology.snapshot.allNodes) {
      if (other.epoch !== UNKNOWN_EPOCH && other.epoch !== held.epoch) other.refresh();
    }
  }

  /**
   * A server that has restarted may have lost a record that a majority held, so it counts again only after so many others
   * have answered that one of them holds the newest record.
   *
   * @throws NodeUnavailableError if they do not answer in time
   */
  async #askEnough(node: Node, since: number): Promise<void> {
    const { topology, connectTimeoutMs } = this.#options;
    const isMissing = () => {
      const { voters } = topology.snapshot;
      return voters.find((list) => {
        const others = list.filter((other) => other !== node);
        const told = others.filter((other) => this.#inquiries.hasTold(other, since)).length;
        return list.length >= MIN_VOTERS && told < list.length - majorityOf(list.length) + 1;
      });
    };
    if (isMissing() === undefined || this.#fixedReason !== undefined) return;
    const answers = topology.snapshot.allNodes
      .filter((other) => other !== node)
      .map((other) => this.#inquiries.askAgain(other));
    const enough = new Promise<void>((resolve) => {
      for (const answer of answers) answer.then(() => isMissing() ?? resolve(), noop);
    });
    await atMost(connectTimeoutMs, Promise.race([enough, Promise.allSettled(answers)]));
    const list = isMissing();
    if (list === undefined) return;
    const needed = list.length - majorityOf(list.length) + 1;
    throw new NodeUnavailableError(
      node.name,
      new Error(
        `its server is new or has restarted, so it may have missed a change, and fewer than ${needed} of the other ` +
          `${list.length - 1} nodes have answered`,
      ),
    );
  }

  async #askOthers(node: Node): Promise<void> {
    const others = this.#options.topology.snapshot.allNodes.filter((other) => other !== node);
    await Promise.all(others.map((other) => this.#inquiries.askBriefly(other)));
  }
}

/** @throws NodeUnavailableError if the node holds a record that cannot be used */
async function checked<T>(node: Node, reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw error instanceof UnusableRecordError ? new NodeUnavailableError(node.name, error) : error;
  }
}

function causeOf({ cause }: Pick<DRedisError, 'cause'>): string {
  return cause instanceof Error ? cause.message : String(cause);
}
