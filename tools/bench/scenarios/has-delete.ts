import { ORDER_MASK } from '../../shared/workload.js';
import { WrongResult } from '../../shared/wrong-result.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Subject } from '../harness/contestant.js';
import type { Scenario } from '../harness/scenario.js';
import { checkWritten } from '../harness/stored-values.js';
import { type CallerCell, callerCells, SMALL_COUNTS } from './caller-cells.js';
import { fillValues } from './readers.js';

const CONTESTANTS = ['dredis', 'baseline', 'spread', 'keyv-redis'];

export const has: Scenario<CallerCell> = {
  name: 'has',
  about: 'Each caller looks for one random key per call. All of them exist.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: CONTESTANTS,
  cells: () => callerCells('EXISTS', SMALL_COUNTS),
  prepare: fillValues,
  measure: ({ subject, workload }, { valueBytes, callers }, ms) => {
    const { keys, order } = workload(valueBytes);
    return withCallers(callers, ms, async (turns) => {
      while (!turns.over) {
        const key = keys[order[turns.next++ & ORDER_MASK] as number] as string;
        const exists = await (subject as Required<Subject>).has(key);
        if (!exists) throw new WrongResult(`has ${key}`, true, exists);
      }
    });
  },
};

export const remove: Scenario<CallerCell> = {
  name: 'delete',
  about:
    'Each caller removes one random key per call. Most of them are missing, because an earlier call has removed them. ' +
    'Afterwards, the keys must be gone.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: CONTESTANTS,
  cells: () => callerCells('UNLINK', SMALL_COUNTS),
  prepare: fillValues,
  async measure({ subject, workload }, { valueBytes, callers }, ms) {
    const work = workload(valueBytes);
    const { keys, order } = work;
    const measured = await withCallers(callers, ms, async (turns) => {
      while (!turns.over) {
        const key = keys[order[turns.next++ & ORDER_MASK] as number] as string;
        await (subject as Required<Subject>).delete(key);
      }
    });
    await checkWritten(subject, work, [], measured.turnCount);
    return measured;
  },
};
