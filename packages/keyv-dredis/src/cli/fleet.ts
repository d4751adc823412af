import type { NodeDescription } from '../config/locations.js';
import { resolveOptions } from '../config/validation.js';
import { CommandFailedError } from '../errors/errors.js';
import { isReturn, returningNode } from '../membership/node-states.js';
import { Operator } from '../membership/operator.js';
import {
  type RecordedNode,
  recordHead,
  type TopologyRecord,
  UnusableRecordError,
} from '../membership/record.js';
import { describeRecorded } from '../membership/recorded-nodes.js';
import type { Absence } from '../node/absence.js';
import { NO_RECOVERY } from '../node/no-recovery.js';
import type { Node } from '../node/node.js';
import { ownerOf, type RingOfNodes, ringOf, type Snapshot, snapshotOf } from '../sharding/topology.js';
import type { CommonOptions } from './command.js';
import { UsageError } from './exit-status.js';
import { explain, replyCodeOf } from './failures.js';
import type { Problem } from './output.js';
import { askPassword } from './prompts.js';
import { connectionOptions, describeServers, type ServerSource, sourceOf } from './servers.js';

/** A node, and where it is. */
export interface Member {
  readonly node: Node;
  /** 0 for a witness, which votes and holds no keys. Undefined for a node that leaves the cache, while its keys move. */
  readonly weight: number | undefined;
  /** Undefined if the node is in service, according to the topology record. */
  readonly absence: Absence | undefined;
  /** As in the topology record. */
  readonly address: string;
  readonly database: number;
}

/**
 * Connections to all nodes: those of the topology record, if one of the given servers holds it, else the given
 * servers.
 */
export class Fleet {
  /** The given servers. */
  readonly locations: readonly NodeDescription[];
  /** The password that the user has typed; undefined if none was necessary. */
  readonly password: string | undefined;
  /** How to connect to a node of the record. */
  readonly describe: (recorded: RecordedNode) => NodeDescription;
  readonly #operator: Operator;
  #members: readonly Member[] = [];
  #snapshot: Snapshot = snapshotOf([]);
  /** While nodes are returning: the ring without them. */
  #withoutReturning: Snapshot['ring'] | undefined;
  /** Why nodes failed while they were used, by name. */
  readonly #failures = new Map<string, unknown>();

  private constructor(
    locations: readonly NodeDescription[],
    password: string | undefined,
    describe: Fleet['describe'],
    operator: Operator,
  ) {
    this.locations = locations;
    this.password = password;
    this.describe = describe;
    this.#operator = operator;
  }

  /**
   * Connects to the nodes. If one of them wants a password, asks for it.
   *
   * @throws UsageError if the locations are not allowed
   */
  static async open(options: CommonOptions): Promise<Fleet> {
    const source = sourceOf(options);
    const fleet = await Fleet.#open(source);
    const password = await askForLocked(fleet, fleet.#locked);
    if (!password) return fleet;
    await fleet.close();
    return Fleet.#open(source, password);
  }

  static async #open(source: ServerSource, password?: string): Promise<Fleet> {
    const locations = describeServers(source, password);
    const describe: Fleet['describe'] = (recorded) =>
      describeRecorded(recorded, locations, connectionOptions({}, password));
    // The command line must not remove keys that the stores' own `restartPolicy` keeps, and must not register as a user
    // of namespaces.
    const options = { options: resolveOptions(), hooks: NO_RECOVERY, describe, isReadOnly: true };
    const fleet = new Fleet(locations, password, describe, await Operator.open(locations, options));
    try {
      fleet.#update();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** All nodes, including those that the cache leaves while keys move. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** The newest record; undefined if no server holds one. */
  get record(): TopologyRecord | undefined {
    return this.#operator.record;
  }

  /** Beginning of the newest record; empty if there is none. Scripts compare it. */
  get head(): string {
    return this.record === undefined ? '' : recordHead(this.record);
  }

  /** The ring, and the nodes on it. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** The ring from which keys move, and its nodes; undefined unless keys move. */
  get previous(): RingOfNodes | undefined {
    return this.#snapshot.previous;
  }

  /** The name of the node that keys move back to, after it was away; undefined unless they do. */
  get movesBackTo(): string | undefined {
    return this.record && isReturn(this.record) ? returningNode(this.record)?.name : undefined;
  }

  /** Nodes that can be used now, and are not away. */
  get usable(): readonly Member[] {
    return this.reachable.filter(({ absence }) => absence !== 'away');
  }

  /** Nodes that can be used now. Stores do not use those that are away. */
  get reachable(): readonly Member[] {
    return this.#members.filter(({ node: { name } }) => {
      const { error, held } = this.#operator.contact(name) ?? {};
      const isOther = held !== undefined && held.cache !== this.record?.cache;
      return !this.#failures.has(name) && !isOther && (error === undefined || isUnread(error));
    });
  }

  /** Why nodes cannot be used, and what to do. Nodes that are away need not be reachable. */
  get problems(): readonly Problem[] {
    const problems = new Map<string, unknown>(
      this.#operator.problems.map(({ node, error }) => [node, error] as const),
    );
    for (const { node, absence } of this.#members) {
      const failure = this.#failures.get(node.name);
      if (failure !== undefined && absence !== 'away') problems.set(node.name, failure);
    }
    return Array.from(problems, ([node, error]) => ({ node, message: explain(error, node) }));
  }

  /** The nodes that want a password. */
  get #locked(): readonly string[] {
    return this.#operator.problems
      .filter(({ error }) => replyCodeOf(error) === 'NOAUTH')
      .map(({ node }) => node);
  }

  /** Why a node cannot be used; undefined if it can. */
  failureOf({ node: { name } }: Member): unknown {
    return this.#failures.get(name) ?? this.#operator.contact(name)?.error;
  }

  /** The record that a reachable node holds. An error if it cannot be read or used. */
  heldBy({ node: { name } }: Member): TopologyRecord | Error | undefined {
    const contact = this.#operator.contact(name);
    return contact?.error ?? contact?.held;
  }

  /** Whether a key's entry may still be on a node that does not own the key, because the key gets another owner. */
  mayHold(node: Node, key: string): boolean {
    const { previous } = this;
    if (previous !== undefined && ownerOf(key, previous) === node) return true;
    return this.#withoutReturning?.get(key) === node.name;
  }

  /** Connects to all nodes that are not connected, and reads the record again. */
  async connect(): Promise<void> {
    this.#failures.clear();
    await this.#operator.refresh();
    this.#update();
  }

  /** Uses the nodes of the newest record. */
  #update(): void {
    const { allNodes, nodes, record } = this.#operator;
    if (!nodes.some(({ weight }) => weight > 0)) {
      throw new UsageError('at least one server must have a weight above 0');
    }
    const weights = new Map(nodes.map(({ name, weight }) => [name, weight]));
    this.#members = allNodes.map(({ name, address, database, state }) => {
      const { node, recorded, error } = this.#operator.contact(name) ?? {};
      if (node === undefined) throw error ?? new Error(`Node ${name} was not asked`);
      // A location may reach the server under another address than the record.
      const reached = recorded ?? { address, database };
      return {
        node,
        weight: weights.get(name),
        absence: state,
        address: reached.address,
        database: reached.database,
      };
    });
    const byName = new Map(this.#members.map(({ node }) => [node.name, node]));
    const membersOf = (list: readonly RecordedNode[]) =>
      list.map(({ name, weight, state, log }) => ({ node: byName.get(name) as Node, weight, state, log }));
    const previous = record?.previous && membersOf(record.previous);
    this.#snapshot = snapshotOf(membersOf(nodes), { epoch: record?.epoch ?? 0, previous });
    const remaining = nodes.filter(({ state }) => state !== 'returning');
    this.#withoutReturning = remaining.length === nodes.length ? undefined : ringOf(remaining);
  }

  /** Records that a node failed while it was used. */
  failed(name: string, error: unknown): void {
    this.#failures.set(name, error);
  }

  async close(): Promise<void> {
    await this.#operator.close();
  }
}

/** Whether a node works, but does not tell its record. */
function isUnread(error: Error): boolean {
  return error instanceof UnusableRecordError || error instanceof CommandFailedError;
}

/** Asks for the password of nodes, unless there are none. @throws StoppedError */
export async function askForLocked(
  connections: { close(): Promise<void> },
  names: readonly string[],
): Promise<string | undefined> {
  if (names.length === 0) return undefined;
  try {
    return await askPassword(names.join(', '));
  } catch (error) {
    await connections.close();
    throw error;
  }
}

/**
 * For commands that write, and depend on a ring that does not change.
 *
 * @param what what has to wait, such as `keys are imported`
 * @throws UsageError if keys move between two rings, or a node is not in service
 */
export function assertSettled(fleet: Fleet, what: string): void {
  const { record, movesBackTo } = fleet;
  const unread = fleet.usable.find((member) => fleet.heldBy(member) instanceof Error)?.node.name;
  if (unread !== undefined) {
    const problem = fleet.problems.find(({ node }) => node === unread)?.message;
    throw new UsageError(`${unread} does not tell its topology record: ${problem}`);
  }
  if (record === undefined) return;
  const at = `(epoch ${record.epoch})`;
  if (movesBackTo !== undefined) {
    throw new UsageError(`keys move back to ${movesBackTo} ${at}: wait until they have moved before ${what}`);
  }
  if (record.phase === 'moving') {
    throw new UsageError(
      `keys move between two rings ${at}: finish the change before ${what}, with keyv-dredis resume`,
    );
  }
  const absent = fleet.members.find(({ absence }) => absence !== undefined);
  if (absent === undefined) return;
  const { node, absence } = absent;
  const advice =
    absence === 'away'
      ? `wait until it is back, or remove it with keyv-dredis remove ${node.name}, before ${what}`
      : `wait some seconds until stores have decided whether it is in service, before ${what}`;
  throw new UsageError(`${node.name} is ${absence} ${at}: ${advice}`);
}
