import { EVERYBODY } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Scenario, Workbench } from '../harness/scenario.js';
import { checkWritten, ORDER_MASK } from '../harness/workload.js';
import { type CallerCell, callerCells, QUICK_COUNTS } from './caller-cells.js';

const TTL_MS = 600_000;

export const set: Scenario<CallerCell> = {
  name: 'set',
  about: 'Callers that each write one key after the other, at random; a hundred are read back and compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: (quick) => callerCells('SET', quick ? QUICK_COUNTS : undefined),
  measure: (bench, cell, ms) => writers(bench, cell, ms, undefined),
};

export const setWithTtl: Scenario<CallerCell> = {
  name: 'set-ttl',
  about: 'As SET, with entries that expire in ten minutes.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: (quick) => callerCells('SET with TTL', quick ? QUICK_COUNTS : undefined),
  measure: (bench, cell, ms) => writers(bench, cell, ms, TTL_MS),
};

async function writers(bench: Workbench, cell: CallerCell, ms: number, ttlMs: number | undefined) {
  const { subject, round } = bench;
  const workload = bench.workload(cell.valueBytes);
  const { keys, order } = workload;
  const values = workload.values[round % 2] as readonly string[];
  const numbers = await withCallers(cell.callers, ms, async (turns) => {
    while (!turns.over) {
      const index = order[turns.next++ & ORDER_MASK] as number;
      await subject.set(keys[index] as string, values[index] as string, ttlMs);
    }
  });
  await checkWritten(subject, workload, values, numbers.turnCount);
  return numbers;
}
