import { setImmediate } from 'node:timers/promises';

/**
 * Most keys of one call that are processed, and sent, without yielding to the event loop: a few milliseconds
 * here, and as much on a server for a command with that many keys.
 */
export const CHUNK_SIZE = 1000;

export function yieldToEventLoop(): Promise<void> {
  return setImmediate();
}

/** Slices of at most {@link CHUNK_SIZE} items. */
export function* chunksOf<Item>(items: readonly Item[]): Generator<readonly Item[], void> {
  for (let start = 0; start < items.length; start += CHUNK_SIZE) yield items.slice(start, start + CHUNK_SIZE);
}

/** `items.map(map)`, yielding to the event loop between chunks. */
export async function mapInChunks<Item, Result>(
  items: readonly Item[],
  map: (item: Item) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const chunk of chunksOf(items)) {
    if (results.length > 0) await yieldToEventLoop();
    for (const item of chunk) results.push(map(item));
  }
  return results;
}
