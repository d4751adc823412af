import { randomInt } from 'node:crypto';
import type { Node } from '../node/node.js';
import { isRefusal } from '../node/replies.js';
import { UNKNOWN_EPOCH } from '../node/send-options.js';
import { timers } from '../timers.js';
import { BringBack, type BringBackOptions } from './bring-back.js';
import { isReturn, namesIn, returningNode, withAway } from './node-states.js';
import { jitter, takeOverMs } from './pace.js';

/** How long a `returning` node may take until it is `away` again, in milliseconds. */
const RETURNING_MS = 1_500;

const RETRY_MS = 100;

/** How long to wait after a server has refused a command of a return, in milliseconds. */
const REFUSED_MS = 5_000;

export interface ReturnsOptions extends BringBackOptions {
  /** When a majority first held a record with the node in its present state, on the clock of `timers.now()`. */
  readonly since: (name: string) => number | undefined;
  readonly signal: AbortSignal;
}

/** Looks for nodes that were away and answer again. One process brings each of them back, for all. */
export class Returns {
  readonly #options: ReturnsOptions;
  readonly #bringBack: BringBack;
  #refusal: string | undefined;
  /** Until when a node is left alone that has refused a command, by name. */
  readonly #refused = new Map<string, number>();

  constructor(options: ReturnsOptions) {
    this.#options = options;
    this.#bringBack = new BringBack(options);
  }

  /** Why this process cannot bring back a node that answers again; undefined if it can, or if it has not tried. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** @returns after how many milliseconds to look again; undefined if no node is away */
  async next(): Promise<number | undefined> {
    const { proposals, record, since, signal } = this.#options;
    const { present } = proposals;
    const before = record();
    if (before === undefined) return undefined;
    const moving = isReturn(present) ? returningNode(present)?.name : undefined;
    // An operator moves entries. No node returns meanwhile.
    if (present.previous !== undefined && moving === undefined) return undefined;
    const [returning] = namesIn(present, 'returning');
    const name =
      moving ??
      returning ??
      namesIn(present, 'away').find((each) => this.#isBack(each) && !this.#isRefused(each));
    if (name === undefined) return namesIn(present, 'away').length > 0 ? RETURNING_MS : undefined;
    const node = this.#node(name);
    if (returning !== undefined && !this.#isBack(name)) {
      const leftMs = (since(name) ?? timers.now()) + RETURNING_MS + randomInt(RETURNING_MS) - timers.now();
      if (leftMs > 0) return leftMs;
      await proposals.propose(withAway(present, name), before);
      return 0;
    }
    if (node === undefined || !node.isAvailable) return RETRY_MS;
    await jitter(signal);
    if (record() !== before) return 0;
    try {
      const isDone = await this.#bringBack.run(node, signal);
      this.#refusal = undefined;
      return isDone ? 0 : takeOverMs();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#refusal = error.message;
      this.#refused.set(name, timers.now() + REFUSED_MS);
      const { present: now } = proposals;
      const isReturning = namesIn(now, 'returning').includes(name);
      if (isReturning) await proposals.propose(withAway(now, name), record());
      // Another node may be back, unless entries move to this one.
      return moving === undefined ? RETRY_MS : REFUSED_MS;
    }
  }

  #isRefused(name: string): boolean {
    return (this.#refused.get(name) ?? Number.NEGATIVE_INFINITY) > timers.now();
  }

  /** Whether this process can use a node again. */
  #isBack(name: string): boolean {
    const node = this.#node(name);
    return (
      node !== undefined && node.status.state === 'up' && node.isRecovered && node.epoch !== UNKNOWN_EPOCH
    );
  }

  #node(name: string): Node | undefined {
    return this.#options.topology.snapshot.allNodes.find((node) => node.name === name);
  }
}
