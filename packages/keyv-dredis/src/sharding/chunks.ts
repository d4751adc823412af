import { setImmediate } from 'node:timers/promises';

/**
 * The most keys of one call that are worked on in one go, and sent before the replies to those before
 * are there: what they take of the event loop is a few milliseconds, and so is what a command of that
 * many takes of a server.
 */
export const STEP = 1000;

/** Lets everything else have its turn. */
export function turnOfEventLoop(): Promise<void> {
  return setImmediate();
}

/** The items of a call, step by step. */
export function* stepsOf<Item>(items: readonly Item[]): Generator<readonly Item[], void> {
  for (let start = 0; start < items.length; start += STEP) yield items.slice(start, start + STEP);
}

/** The same as `items.map(map)`, step by step. */
export async function mapInSteps<Item, Result>(
  items: readonly Item[],
  map: (item: Item) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const step of stepsOf(items)) {
    if (results.length > 0) await turnOfEventLoop();
    for (const item of step) results.push(map(item));
  }
  return results;
}
