type Callback = (...args: unknown[]) => void;

/**
 * Counts pending setTimeout timers by replacing the global setTimeout and clearTimeout. Unlike
 * process.getActiveResourcesInfo(), this counts unref'ed timers, too. It does not count the timers of
 * node:timers/promises and of sockets.
 *
 * @returns a function that returns the number of timers that were set after this call and are still pending
 */
export function countTimers(): () => number {
  const pending = new Set<unknown>();
  const { setTimeout: originalSet, clearTimeout: originalClear } = globalThis;
  const countingSet = (callback: Callback, ms?: number, ...args: unknown[]) => {
    const timer = originalSet(() => {
      pending.delete(timer);
      callback(...args);
    }, ms);
    pending.add(timer);
    return timer;
  };
  // util.promisify finds the promise version of setTimeout in one of its properties.
  Object.defineProperties(countingSet, Object.getOwnPropertyDescriptors(originalSet));
  globalThis.setTimeout = countingSet as typeof originalSet;
  globalThis.clearTimeout = (timer) => {
    pending.delete(timer);
    originalClear(timer);
  };
  return () => pending.size;
}
