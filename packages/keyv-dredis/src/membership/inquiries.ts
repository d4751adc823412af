import { noop } from '../connection/connection.js';
import type { Node } from '../node/node.js';
import { yieldToEventLoop } from '../sharding/chunks.js';
import { atMost, timers } from '../timers.js';

/**
 * An answer of this age, in milliseconds, is as good as a new one: a server that comes back without its record takes
 * longer to start. It keeps a process that connects to n nodes from asking n times n questions.
 */
const MAX_AGE_MS = 100;

/** How long to wait for the answer of a node, in milliseconds. A node that is silent for longer is left out. */
export const INQUIRY_TIMEOUT_MS = 250;

/**
 * Asks nodes for their records. A node that is not open yet is opened, because it reads its record then anyway. Several
 * inquiries of one turn of the event loop share one command.
 */
export class Inquiries {
  readonly #read: (node: Node) => Promise<void>;
  /** Inquiries that wait until a node is opened. */
  readonly #waiting = new Map<Node, (() => void)[]>();
  readonly #asked = new Map<Node, Promise<void>>();
  /** When each node has told its record for the last time. */
  readonly #toldAt = new Map<Node, number>();

  /** Since when each node has not answered an inquiry. */
  readonly #silentSince = new Map<Node, number>();

  /** @param read reads the record of an open node */
  constructor(read: (node: Node) => Promise<void>) {
    this.#read = read;
  }

  /** Resolves once the node has told its record. @throws if the node cannot be reached */
  async ask(node: Node): Promise<void> {
    if (!node.isAvailable) throw node.status.reason;
    const askedAt = timers.now();
    if (this.hasTold(node, askedAt - MAX_AGE_MS)) return;
    if (node.isRecovered) {
      await this.#askNow(node);
      return;
    }
    void node.wake();
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(node);
      if (waiting === undefined) this.#waiting.set(node, [resolve]);
      else waiting.push(resolve);
    });
    if (!this.hasTold(node, askedAt)) throw node.status.reason;
  }

  /**
   * Waits until the node has told its record, or until it has not answered for {@link INQUIRY_TIMEOUT_MS}. So several
   * inquiries in a row wait for a silent node only once. Never rejects.
   */
  async askBriefly(node: Node): Promise<void> {
    const now = timers.now();
    const since = this.#silentSince.get(node) ?? now;
    this.#silentSince.set(node, since);
    const answer = this.ask(node)
      .catch(noop)
      .finally(() => this.#silentSince.delete(node));
    if (now - since < INQUIRY_TIMEOUT_MS) await atMost(since + INQUIRY_TIMEOUT_MS - now, answer);
  }

  /** The same as {@link Inquiries.ask}, but an earlier answer does not count. The node may be down or about to be opened. */
  askAgain(node: Node): Promise<void> {
    return this.#askNow(node);
  }

  /** A node has told its record. */
  told(node: Node): void {
    this.#toldAt.set(node, timers.now());
    this.#settle(node);
  }

  /** A node could not be connected. */
  failed(node: Node): void {
    this.#settle(node);
  }

  /** Forgets nodes that are not in use any more. */
  keepOnly(nodes: readonly Node[]): void {
    for (const node of this.#toldAt.keys()) if (!nodes.includes(node)) this.#toldAt.delete(node);
  }

  /** Whether a node has told its record since a time. */
  hasTold(node: Node, since: number): boolean {
    return (this.#toldAt.get(node) ?? Number.NEGATIVE_INFINITY) >= since;
  }

  #askNow(node: Node): Promise<void> {
    let asked = this.#asked.get(node);
    if (asked === undefined) {
      asked = yieldToEventLoop().then(async () => {
        this.#asked.delete(node);
        await this.#read(node);
        this.told(node);
      });
      this.#asked.set(node, asked);
    }
    return asked;
  }

  #settle(node: Node): void {
    for (const resolve of this.#waiting.get(node) ?? []) resolve();
    this.#waiting.delete(node);
  }
}
