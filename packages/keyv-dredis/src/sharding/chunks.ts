import { timers } from '../timers.js';

/**
 * Maximum number of keys that a call processes and sends without yielding to the event loop. Processing that
 * many keys takes a few milliseconds in this process, and about as long on a server that gets them in one
 * command.
 */
export const CHUNK_SIZE = 1000;

export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => timers.setImmediate(resolve));
}

/** Slices of at most `size` items. */
export function* chunksOf<Item>(items: readonly Item[], size = CHUNK_SIZE): Generator<readonly Item[], void> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
