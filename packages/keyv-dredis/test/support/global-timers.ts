import type { Timers } from '../../src/timers.js';

/** Timers that use the global functions at the time of each call, so that Jest's fake timers control them. */
export const globalTimers: Timers = {
  now: () => Date.now(),
  setTimeout: (job, delayMs) => setTimeout(job, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
  setImmediate: (job) => setImmediate(job),
  nextTick: (job) => process.nextTick(job),
  queueMicrotask: (job) => queueMicrotask(job),
};
