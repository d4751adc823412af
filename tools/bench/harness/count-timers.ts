type Callback = (...args: unknown[]) => void;

/**
 * Counts the timers of setTimeout that are set from now on and have neither fired nor been cleared, also those that
 * do not keep the process alive, which process.getActiveResourcesInfo() leaves out. (Not those of
 * node:timers/promises, nor of sockets.)
 *
 * @returns tells how many there are
 */
export function countTimers(): () => number {
  const live = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const counted = (callback: Callback, ms?: number, ...args: unknown[]) => {
    const timer = set(() => {
      live.delete(timer);
      callback(...args);
    }, ms);
    live.add(timer);
    return timer;
  };
  Object.defineProperties(counted, Object.getOwnPropertyDescriptors(set));
  globalThis.setTimeout = counted as typeof set;
  globalThis.clearTimeout = (timer) => {
    live.delete(timer);
    clear(timer);
  };
  return () => live.size;
}
