import type { Metric, Numbers } from './scenario.js';

/** What the callers of a round share. */
export interface Turns {
  /** The time is up: nobody takes another turn. */
  over: boolean;
  /** The number of the next turn, and so of those that were taken. */
  next: number;
}

/**
 * Lets `count` callers take turns for a time: each asks, waits for its answer and asks again, as that many
 * requests in a service do. (tinybench and mitata time one call after the other, and know no callers.)
 */
export async function withCallers(
  count: number,
  ms: number,
  caller: (turns: Turns, number: number) => Promise<void>,
): Promise<Numbers & { readonly turnCount: number }> {
  const turns: Turns = { over: false, next: 0 };
  const timer = setTimeout(() => {
    turns.over = true;
  }, ms);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: count }, (_, number) => caller(turns, number)));
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
  label: 'calls a second',
  better: 'more',
  format: (value) =>
    value >= 99_950
      ? `${(value / 1000).toFixed(0)}k`
      : value >= 1000
        ? `${(value / 1000).toFixed(1)}k`
        : value.toFixed(0),
};

export const CPU_US: Metric = {
  key: 'cpuUs',
  label: 'CPU time per call, us',
  better: 'less',
  format: (value) => value.toFixed(value < 100 ? 2 : 0),
};
