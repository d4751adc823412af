import type { Metric, MetricValues } from './scenario.js';

/** State that all callers in a round share. */
export interface Turns {
  /** True once the time is up. Callers then start no new turns. */
  over: boolean;
  /** Number of the next turn, which is also the number of turns taken. */
  next: number;
}

/**
 * Runs `count` callers for `ms`. The callers simulate concurrent requests in a service: each caller waits for
 * a reply before it sends its next call. tinybench and mitata do not fit, because they time sequential calls.
 *
 * @param runCaller takes turns until `turns.over` is true
 */
export async function withCallers(
  count: number,
  ms: number,
  runCaller: (turns: Turns) => Promise<void>,
): Promise<MetricValues & { readonly turnCount: number }> {
  const turns: Turns = { over: false, next: 0 };
  const timer = setTimeout(() => {
    turns.over = true;
  }, ms);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: count }, () => runCaller(turns)));
  } finally {
    turns.over = true;
    clearTimeout(timer);
  }
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const turnCount = turns.next;
  return { opsPerSecond: (turnCount / elapsedMs) * 1000, cpuUs: (user + system) / turnCount, turnCount };
}

export const OPS_PER_SECOND: Metric = {
  key: 'opsPerSecond',
  label: 'calls per second',
  better: 'more',
  format: (value) => {
    if (value < 1_000) return value.toFixed(0);
    const thousands = value / 1_000;
    // 99,950 would round to "100.0k".
    return `${thousands.toFixed(value < 99_950 ? 1 : 0)}k`;
  },
};

export const CPU_US: Metric = {
  key: 'cpuUs',
  label: 'CPU time per call, us',
  better: 'less',
  format: (value) => value.toFixed(value < 100 ? 2 : 0),
};
