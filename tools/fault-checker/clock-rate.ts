/**
 * Preload module of a worker process, with `--import`. Makes the process's clock run at the rate in the worker's setup:
 * `performance.now()`, `Date.now()` and the timers of Node.js, as the store sees them when it is loaded. The store's
 * time leases have to bear this. The history's own clock, tools/shared/clock.ts, and `node:timers/promises` stay as
 * they are.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { WorkerSetup } from './worker.js';

const { clockRate } = JSON.parse(process.argv[2] ?? '{}') as Partial<WorkerSetup>;
if (clockRate !== undefined && clockRate !== 1) scaleClock(clockRate);

function scaleClock(rate: number): void {
  const scaled = (now: () => number) => {
    const start = now();
    return () => start + (now() - start) * rate;
  };
  performance.now = scaled(performance.now.bind(performance));
  const date = scaled(Date.now);
  Date.now = () => Math.floor(date());
  // An import would be read-only.
  const timers = createRequire(import.meta.url)('node:timers') as typeof import('node:timers');
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const set = timers[name] as (job: () => void, delayMs?: number, ...rest: unknown[]) => NodeJS.Timeout;
    // Rounded up, so that no timer fires early.
    const scaledSet = (job: () => void, delayMs = 0, ...rest: unknown[]) =>
      set(job, Math.ceil(delayMs / rate), ...rest);
    // util.promisify() finds another implementation in a property.
    const replacement = Object.defineProperties(scaledSet, Object.getOwnPropertyDescriptors(set));
    Object.assign(timers, { [name]: replacement });
    Object.assign(globalThis, { [name]: replacement });
  }
  syncBuiltinESMExports();
}
