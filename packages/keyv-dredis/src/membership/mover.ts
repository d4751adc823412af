import type { PrefixSet } from '../format/prefix-set.js';
import type { Node } from '../node/node.js';
import { pagesOf } from '../sharding/scan.js';
import { watchScan } from '../sharding/scan-progress.js';
import type { Pace } from './pace.js';
import { MAX_PAGE_SIZE, move } from './pull.js';
import { maintain } from './script-calls.js';

/** Pages that are moved at the same time from one node. */
const MAX_PAGES_IN_FLIGHT = 4;

/** A low rate, and so a small page, also makes the pages of SCAN smaller. Otherwise the progress would stand still. */
const MAX_PAGES_PER_SCAN = 10;

/** How far the move from one node has come. */
export interface MoveProgress {
  /** Name of the node that the keys leave. */
  readonly node: string;
  /** Part of the node's keys that were scanned, from 0 to 1. */
  readonly fraction: number;
  /** Keys with one of the prefixes that were scanned. A key may count twice. */
  readonly seenCount: number;
  readonly movedCount: number;
  /** Keys that stay, although another node owns them. See MoveResult. */
  readonly skippedCount: number;
}

export interface MoverOptions {
  /** The node that the keys leave. */
  readonly from: Node;
  /** The owner of a key in the new ring. A key stays if there is none, or if it is `from`. */
  readonly ownerOf: (key: string) => Node | undefined;
  /** Head of the record under which the keys move. */
  readonly head: string;
  readonly prefixes: PrefixSet;
  /** Keys per SCAN. */
  readonly scanCount: number;
  /** Shared by all sources of a change. */
  readonly pace: Pace;
  /** Ends the move early. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined;
}

/**
 * Moves all keys with some prefixes from one node to their owners. If it ends early, it can be run again: it goes
 * on with the keys that are left.
 *
 * @returns the progress at the end; the fraction is less than 1 if the signal has ended the move
 * @throws SupersededError if a server holds another record
 * @throws DRedisError if a node fails, after the pages in flight have ended
 */
export async function moveKeys(options: MoverOptions): Promise<MoveProgress> {
  const mover = new Mover(options);
  await mover.run();
  return mover.progress;
}

class Mover {
  readonly #options: MoverOptions;
  readonly #pageSize: number;
  /** The beginnings of pages, by owner. */
  readonly #pages = new Map<Node, string[]>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #fraction = 0;
  #seenCount = 0;
  #movedCount = 0;
  #skippedCount = 0;

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#pageSize = options.pace.pageSize(MAX_PAGE_SIZE);
  }

  get progress(): MoveProgress {
    return {
      node: this.#options.from.name,
      fraction: this.#fraction,
      seenCount: this.#seenCount,
      movedCount: this.#movedCount,
      skippedCount: this.#skippedCount,
    };
  }

  async run(): Promise<void> {
    try {
      await this.#moveAll();
    } catch (error) {
      if (!this.#options.signal.aborted) this.#failures.push(error);
    }
    await Promise.all(this.#inFlight);
    if (this.#failures.length > 0) throw this.#failures[0];
    if (!this.#isEnding) this.#fraction = 1;
    this.#report();
  }

  async #moveAll(): Promise<void> {
    const { from, prefixes, scanCount, signal } = this.#options;
    let scanned = 0;
    const run = watchScan(maintain(from), (fraction) => {
      signal.throwIfAborted();
      // All keys of earlier pages have been moved by now, or are in flight.
      this.#fraction = scanned;
      scanned = fraction;
      this.#report();
    });
    const count = Math.min(scanCount, this.#pageSize * MAX_PAGES_PER_SCAN);
    for await (const keys of pagesOf(run, prefixes, count)) {
      await this.#add(keys);
      if (this.#isEnding) return;
    }
    for (const [owner, page] of this.#pages) await this.#start(owner, page);
  }

  async #add(keys: readonly string[]): Promise<void> {
    const { from, ownerOf } = this.#options;
    this.#seenCount += keys.length;
    for (const key of keys) {
      const owner = ownerOf(key);
      if (owner === undefined || owner === from) continue;
      const page = this.#pages.get(owner) ?? [];
      page.push(key);
      if (page.length < this.#pageSize) {
        this.#pages.set(owner, page);
      } else {
        this.#pages.delete(owner);
        await this.#start(owner, page);
        if (this.#isEnding) return;
      }
    }
  }

  /** Starts to move a page, when the rate allows it and not too many pages are in flight. */
  async #start(owner: Node, page: readonly string[]): Promise<void> {
    await this.#options.pace.next(page.length);
    while (this.#inFlight.size >= MAX_PAGES_IN_FLIGHT) await Promise.race(this.#inFlight);
    if (this.#isEnding) return;
    const moving = this.#move(owner, page).finally(() => this.#inFlight.delete(moving));
    this.#inFlight.add(moving);
  }

  /** Never rejects. */
  async #move(owner: Node, page: readonly string[]): Promise<void> {
    const { from, head } = this.#options;
    try {
      const result = await move(page, { from: maintain(from), to: maintain(owner), head });
      this.#movedCount += result.movedCount;
      this.#skippedCount += result.skippedCount;
      this.#report();
    } catch (error) {
      this.#failures.push(error);
    }
  }

  get #isEnding(): boolean {
    return this.#options.signal.aborted || this.#failures.length > 0;
  }

  #report(): void {
    this.#options.onProgress?.(this.progress);
  }
}
