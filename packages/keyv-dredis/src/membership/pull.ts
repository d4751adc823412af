import type { StoredValue } from '../format/values.js';
import { partsOf } from '../node/command-length.js';
import { type PullRoute, Transfer } from './transfer.js';

export type { PullRoute } from './transfer.js';

export interface MoveResult {
  /** Entries that this call has stored at their owner. */
  readonly movedCount: number;
  /** Keys that stay at their previous owner: they hold no string, or the owner does not accept the value's length. */
  readonly skippedCount: number;
}

export interface PullResult extends MoveResult {
  /** For each key the value that the owner has now; undefined if there is none. */
  readonly values: readonly (StoredValue | undefined)[];
  /**
   * Settles when the entries were removed from their previous owner. Callers need not wait for it or handle its
   * rejection, because values are read at the owner only, and the mover removes what is left.
   */
  readonly dropped: Promise<void>;
}

/**
 * Keys per script. A server executes nothing else in the meantime: about 0.3 ms, which is less than for 1,000 keys of
 * SCAN. Larger pages do not move more keys per second, but make other clients wait longer.
 */
export const MAX_PAGE_SIZE = 100;

/**
 * Brings the entries of some keys to their owner, unless the owner has them, with their remaining times, and reads
 * them there. This is how reads work while entries move. In total, it takes three round trips; one if the owner has
 * all entries.
 *
 * @throws SupersededError if a server holds another record
 * @throws CommandFailedError if a server refuses a script, for example because it is out of memory
 */
export async function pull(keys: readonly string[], route: PullRoute): Promise<PullResult> {
  const pages = pagesOfKeys(keys).map((page) => new Transfer(page, route, true));
  await Promise.all(pages.map((page) => page.run()));
  const dropped = Promise.all(pages.map((page) => page.dropped())).then(noop);
  dropped.catch(noop);
  const [first] = pages;
  const values = pages.length === 1 ? (first as Transfer).values : pages.flatMap((page) => page.values);
  return { values, dropped, ...countsOf(pages) };
}

/**
 * Like {@link pull}, without the values. Also removes entries from their previous owner that the owner has.
 *
 * @throws SupersededError, CommandFailedError
 */
export async function move(keys: readonly string[], route: PullRoute): Promise<MoveResult> {
  const pages = pagesOfKeys(keys).map((page) => new Transfer(page, route, false));
  await Promise.all(pages.map((page) => page.run().then(() => page.dropped())));
  return countsOf(pages);
}

/** Splits keys into pages that are neither too many nor too long for one script. */
function pagesOfKeys(keys: readonly string[]): readonly (readonly string[])[] {
  if (keys.length === 1) return [keys];
  const pages: (readonly string[])[] = [];
  for (let start = 0; start < keys.length; start += MAX_PAGE_SIZE) {
    const page = keys.slice(start, start + MAX_PAGE_SIZE);
    for (const [from, to] of partsOf(page.length, (index) => (page[index] as string).length)) {
      pages.push(page.slice(from, to));
    }
  }
  return pages;
}

function countsOf(pages: readonly Transfer[]): MoveResult {
  let [movedCount, skippedCount] = [0, 0];
  for (const page of pages) {
    movedCount += page.movedCount;
    skippedCount += page.skippedCount;
  }
  return { movedCount, skippedCount };
}

function noop(): void {}
