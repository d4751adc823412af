import { ORDER_MASK } from '../../shared/workload.js';
import { WrongResult } from '../../shared/wrong-result.js';
import { withCallers } from '../harness/callers.js';
import type { MeasureContext, MetricValues } from '../harness/scenario.js';
import { fill } from '../harness/stored-values.js';
import type { CallerCell } from './caller-cells.js';

/** `prepare` for scenarios that read: writes all values. */
export function fillValues({ subject, workload }: MeasureContext, { valueBytes }: CallerCell): Promise<void> {
  return fill(subject, workload(valueBytes));
}

/** `measure` for scenarios that read: callers read one key per call and compare every value. */
export function measureReads(
  { subject, workload }: MeasureContext,
  { valueBytes, callers }: CallerCell,
  ms: number,
  orderName: 'order' | 'hotOrder' = 'order',
): Promise<MetricValues> {
  const {
    keys,
    values: [values],
    [orderName]: order,
  } = workload(valueBytes);
  return withCallers(callers, ms, async (turns) => {
    while (!turns.over) {
      const index = order[turns.next++ & ORDER_MASK] as number;
      const value = await subject.get(keys[index] as string);
      if (value !== values[index]) throw new WrongResult(`GET ${keys[index]}`, values[index], value);
    }
  });
}
