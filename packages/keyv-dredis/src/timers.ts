import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';

/** The functions of Node.js that measure time or schedule work. */
export interface Timers {
  /** Returns the time of a monotonic clock, in milliseconds. */
  now(): number;
  setTimeout(job: () => void, delayMs: number): NodeJS.Timeout;
  clearTimeout(timer: NodeJS.Timeout | undefined): void;
  setImmediate(job: () => void): unknown;
  nextTick(job: () => void): void;
  queueMicrotask(job: () => void): void;
}

/**
 * The functions as they are when the store is loaded. Fake timers in a user's tests replace the functions later,
 * and must not stop deadlines, reconnects or batches. `Date` is missing on purpose: Keyv computes expiries with
 * `Date`, so the store has to see the same, possibly faked, time.
 */
export const timers: Timers = Object.freeze({
  now: performance.now.bind(performance),
  setTimeout,
  clearTimeout,
  setImmediate,
  nextTick: process.nextTick,
  queueMicrotask,
});

/** Waits for a promise, but no longer than `ms` milliseconds. Rejects if the promise rejects in that time. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = timers.setTimeout(resolve, ms);
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    timers.clearTimeout(timer);
  }
}

/** A promise, and the function that resolves it. */
export function deferred<T>(): [promise: Promise<T>, resolve: (value: T) => void] {
  let settle: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return [promise, (value) => settle?.(value)];
}
