import { setImmediate } from 'node:timers/promises';

/**
 * Maximum number of keys that a call processes and sends without yielding to the event loop. Processing that
 * many keys takes a few milliseconds in this process, and about as long on a server that gets them in one
 * command.
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
