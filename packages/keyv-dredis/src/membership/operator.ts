import type { NodeDescription } from '../config/locations.js';
import type { ResolvedOptions } from '../config/options.js';
import { noop } from '../connection/connection.js';
import { Node, type RecoveryHooks } from '../node/node.js';
import { MAINTENANCE } from '../node/send-options.js';
import { presentOf } from './node-states.js';
import { type RecordedNode, type TopologyRecord, UnusableRecordError } from './record.js';
import { toRecorded } from './recorded-nodes.js';
import { type Send, sendTo } from './send.js';
import { OtherCacheError, readRecord } from './spread.js';

/** Tag and name of an operator's connections in CLIENT LIST. They are no connections of a store. */
export const OPERATOR_TAG = 'keyv-dredis-operator';

export interface OperatorOptions {
  /** Time limits, `scanCount` and `ownsDatabase`. */
  readonly options: ResolvedOptions;
  /** Recover servers that have restarted, before the change reads from them. */
  readonly hooks: RecoveryHooks;
  /** Describes a node of the record that is not among the seeds. See `describeRecorded`. */
  readonly describe: (recorded: RecordedNode) => NodeDescription;
  /** Whether to look only. Then CLIENT LIST does not show the connections as those of an operator. @default false */
  readonly isReadOnly?: boolean;
}

/** A node that cannot be used for a change. */
export interface NodeProblem {
  readonly node: string;
  /** Why: an error of the node, or `UnusableRecordError`. */
  readonly error: Error;
}

/** A node that was asked for its record. */
export interface Contact {
  /** Undefined if the record describes the node in a way that is not allowed. */
  readonly node: Node | undefined;
  readonly recorded: RecordedNode;
  held?: TopologyRecord | undefined;
  error?: Error | undefined;
}

/**
 * Connections to all nodes of a cache, to change its topology. An operator knows the records as they were when it was
 * opened. After a change, {@link Operator.refresh} reads them again.
 */
export class Operator {
  readonly options: ResolvedOptions;
  readonly #hooks: RecoveryHooks;
  readonly #describe: OperatorOptions['describe'];
  readonly #isReadOnly: boolean;
  readonly #seeds: ReadonlyMap<string, NodeDescription>;
  readonly #contacts = new Map<string, Contact>();
  #record: TopologyRecord | undefined;

  private constructor(
    seeds: readonly NodeDescription[],
    { options, hooks, describe, isReadOnly = false }: OperatorOptions,
  ) {
    this.options = options;
    this.#hooks = hooks;
    this.#describe = describe;
    this.#isReadOnly = isReadOnly;
    this.#seeds = new Map(seeds.map((seed) => [seed.name, seed]));
  }

  /**
   * Connects to the seeds, and to all nodes of the newest record that these nodes know. One living seed is
   * enough if there is a record. Nodes that cannot be reached are in {@link Operator.problems}.
   */
  static async open(seeds: readonly NodeDescription[], options: OperatorOptions): Promise<Operator> {
    const operator = new Operator(seeds, options);
    await operator.refresh();
    return operator;
  }

  /** The newest record that any node holds; undefined if no node holds one. */
  get record(): TopologyRecord | undefined {
    return this.#record;
  }

  /** The present nodes: those of the record, or the seeds if there is no record. */
  get nodes(): readonly RecordedNode[] {
    return this.#record?.nodes ?? Array.from(this.#seeds.values(), toRecorded);
  }

  /** The present nodes, and while entries move, the nodes before. */
  get allNodes(): readonly RecordedNode[] {
    const { nodes } = this;
    const names = new Set(nodes.map(({ name }) => name));
    return [...nodes, ...(this.#record?.previous ?? []).filter(({ name }) => !names.has(name))];
  }

  /** The nodes of {@link Operator.allNodes} that are not away. */
  get presentNodes(): readonly RecordedNode[] {
    return presentOf(this.allNodes);
  }

  /** Nodes of the cache that cannot be reached or used, and seeds that belong to another cache. */
  get problems(): readonly NodeProblem[] {
    const needed = new Set(this.presentNodes.map(({ name }) => name));
    const problems: NodeProblem[] = [];
    for (const [name, { error, held }] of this.#contacts) {
      const isForeign = held !== undefined && held.cache !== this.#record?.cache;
      if (isForeign) problems.push({ node: name, error: new OtherCacheError(held) });
      else if (error !== undefined && (needed.has(name) || error instanceof UnusableRecordError)) {
        problems.push({ node: name, error });
      }
    }
    return problems;
  }

  /** Nodes of the cache that hold an older record, because the last change was interrupted. */
  get outdated(): readonly string[] {
    const { epoch = 0 } = this.#record ?? {};
    return this.presentNodes.flatMap(({ name }) => {
      const held = this.#contacts.get(name)?.held;
      return held !== undefined && held.epoch < epoch ? [name] : [];
    });
  }

  /** What is known of a node of the cache. */
  contact(name: string): Readonly<Contact> | undefined {
    return this.#contacts.get(name);
  }

  /** A node that {@link Operator.open} or {@link Operator.connect} has connected. */
  node(name: string): Node {
    const node = this.#contacts.get(name)?.node;
    // The checks of a change refuse nodes that are not connected.
    if (node === undefined) throw new Error(`Node ${name} is not connected`);
    return node;
  }

  /** Sends commands to a node of {@link Operator.node}. */
  sendTo(name: string): Send {
    return sendTo(this.node(name));
  }

  /** How this process reaches a node. */
  addressOf(name: string): RecordedNode | undefined {
    return this.#contacts.get(name)?.recorded;
  }

  /**
   * Connects to a node that is not in the cache yet, or connects to it again.
   *
   * @returns the record that it holds
   * @throws DRedisError if it cannot be reached, or UnusableRecordError
   */
  async connect(description: NodeDescription): Promise<TopologyRecord | undefined> {
    const contact = await this.#contact(description.name, () => description, toRecorded(description));
    if (contact.error !== undefined) throw contact.error;
    return contact.held;
  }

  /** Reads the records of all nodes again. */
  async refresh(): Promise<void> {
    const known = new Map(this.#contacts);
    const again = Array.from(known.values(), (contact) => this.#ask(contact));
    const seeds = Array.from(this.#seeds.values()).filter(({ name }) => !known.has(name));
    await Promise.all([
      ...again,
      ...seeds.map((seed) => this.#contact(seed.name, () => seed, toRecorded(seed))),
    ]);
    for (let isComplete = false; !isComplete; ) {
      this.#record = this.#newest();
      const unknown =
        this.#record === undefined ? [] : this.allNodes.filter(({ name }) => !this.#contacts.has(name));
      isComplete = unknown.length === 0;
      await Promise.all(
        unknown.map((recorded) => this.#contact(recorded.name, () => this.#describe(recorded), recorded)),
      );
    }
  }

  /** Closes all connections. Idempotent; never rejects. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#contacts.values(), ({ node }) => node?.close()));
  }

  /** The newest record of the cache. The first seed that holds a record tells which cache it is. */
  #newest(): TopologyRecord | undefined {
    const order = [...this.#seeds.keys(), ...this.#contacts.keys()];
    const held = order.flatMap((name) => this.#contacts.get(name)?.held ?? []);
    const cache = this.#record?.cache ?? held[0]?.cache;
    const ours = [...held, ...(this.#record === undefined ? [] : [this.#record])].filter(
      (record) => record.cache === cache,
    );
    return ours.reduce<TopologyRecord | undefined>(
      (newest, record) => (record.epoch > (newest?.epoch ?? 0) ? record : newest),
      undefined,
    );
  }

  async #contact(name: string, describe: () => NodeDescription, recorded: RecordedNode): Promise<Contact> {
    let contact = this.#contacts.get(name);
    if (contact === undefined) {
      try {
        contact = { node: this.#makeNode(describe()), recorded };
      } catch (error) {
        contact = { node: undefined, recorded, error: error as Error };
      }
      this.#contacts.set(name, contact);
    }
    await this.#ask(contact);
    return contact;
  }

  /** Connects and reads the record. Never rejects. */
  async #ask(contact: Contact): Promise<void> {
    const { node } = contact;
    if (node === undefined) return;
    contact.held = undefined;
    contact.error = undefined;
    try {
      await node.connect();
      // Before Redis 7.2, a server does not tell the tag.
      if (!this.#isReadOnly) {
        node.run((commands) => commands.setConnectionName(OPERATOR_TAG), MAINTENANCE).catch(noop);
      }
      contact.held = await readRecord(sendTo(node));
    } catch (error) {
      contact.error = error as Error;
    }
  }

  #makeNode(description: NodeDescription): Node {
    const { source } = description;
    const tagged: NodeDescription =
      source.kind === 'options' && !this.#isReadOnly
        ? {
            ...description,
            source: { ...source, clientOptions: { ...source.clientOptions, clientInfoTag: OPERATOR_TAG } },
          }
        : description;
    return new Node(tagged, this.options, { changed: noop, failed: noop }, this.#hooks);
  }
}
