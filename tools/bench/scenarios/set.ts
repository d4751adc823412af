import { ORDER_MASK } from '../../shared/workload.js';
import { STANDARD_CONTESTANTS } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { MeasureContext, MetricValues, Scenario } from '../harness/scenario.js';
import { checkWritten } from '../harness/stored-values.js';
import { type CallerCell, callerCells, QUICK_COUNTS } from './caller-cells.js';

const TTL_MS = 600_000;

export const set: Scenario<CallerCell> = {
  name: 'set',
  about: 'Each caller writes one random key per call. Up to 100 keys are read back and compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: (quick) => callerCells('SET', quick ? QUICK_COUNTS : undefined),
  measure: (context, cell, ms) => measureWrites(context, cell, ms),
};

export const setWithTtl: Scenario<CallerCell> = {
  name: 'set-ttl',
  about: 'The same as `set`, with a TTL of ten minutes.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: (quick) => callerCells('SET with TTL', quick ? QUICK_COUNTS : undefined),
  measure: (context, cell, ms) => measureWrites(context, cell, ms, TTL_MS),
};

/** Callers write one key per call. */
export async function measureWrites(
  context: MeasureContext,
  cell: CallerCell,
  ms: number,
  ttlMs?: number,
): Promise<MetricValues> {
  const { subject, round } = context;
  const workload = context.workload(cell.valueBytes);
  const { keys, order } = workload;
  const values = workload.values[round % 2] as readonly string[];
  const measured = await withCallers(cell.callers, ms, async (turns) => {
    while (!turns.over) {
      const index = order[turns.next++ & ORDER_MASK] as number;
      await subject.set(keys[index] as string, values[index] as string, ttlMs);
    }
  });
  await checkWritten(subject, workload, values, measured.turnCount);
  return measured;
}
