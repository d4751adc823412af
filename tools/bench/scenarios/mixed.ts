import { ORDER_MASK } from '../../shared/workload.js';
import { WrongResult } from '../../shared/wrong-result.js';
import { STANDARD_CONTESTANTS } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callerCells, QUICK_COUNTS } from './caller-cells.js';
import { fillValues } from './readers.js';

export const mixed: Scenario<CallerCell> = {
  name: 'mixed',
  about:
    'Nine in ten calls read a random key, and one in ten writes a random key. Every read value is compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: (quick) => callerCells('90 % GET, 10 % SET', quick ? QUICK_COUNTS : undefined),
  prepare: fillValues,
  measure: ({ subject, workload }, { valueBytes, callers }, ms) => {
    const {
      keys,
      values: [values],
      order,
      writes,
    } = workload(valueBytes);
    return withCallers(callers, ms, async (turns) => {
      while (!turns.over) {
        const turn = turns.next++ & ORDER_MASK;
        const index = order[turn] as number;
        const key = keys[index] as string;
        if (writes[turn] === 1) {
          await subject.set(key, values[index] as string);
          continue;
        }
        const value = await subject.get(key);
        if (value !== values[index]) throw new WrongResult(`GET ${key}`, values[index], value);
      }
    });
  },
};
