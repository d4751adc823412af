import { EVERYBODY } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Subject } from '../harness/contestant.js';
import type { Scenario } from '../harness/scenario.js';
import { fill, ORDER_MASK, type Workload } from '../harness/workload.js';
import { WrongResult } from '../harness/wrong-result.js';
import { type CallerCell, callerCells } from './caller-cells.js';

export const get: Scenario<CallerCell> = {
  name: 'get',
  about: 'Callers that each read one key after the other, at random; every value is compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: (quick) => callerCells('GET', quick ? { small: [1, 8, 64, 512], large: [64] } : undefined),
  prepare: ({ subject, workload }, { valueBytes }) => fill(subject, workload(valueBytes)),
  measure: ({ subject, workload }, { valueBytes, callers }, ms) =>
    readers(subject, workload(valueBytes), callers, ms),
};

/** Lets callers read in an order, that of the workload by default. */
export function readers(
  subject: Subject,
  { keys, values: [values], order: uniform }: Workload,
  callers: number,
  ms: number,
  order = uniform,
) {
  return withCallers(callers, ms, async (turns) => {
    while (!turns.over) {
      const index = order[turns.next++ & ORDER_MASK] as number;
      const value = await subject.get(keys[index] as string);
      if (value !== values[index]) throw new WrongResult(`GET ${keys[index]}`, values[index], value);
    }
  });
}
