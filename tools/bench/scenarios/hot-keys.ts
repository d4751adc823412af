import { EVERYBODY } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { fill } from '../harness/workload.js';
import { type CallerCell, callersName, SMALL_BYTES } from './caller-cells.js';
import { readers } from './get.js';

export const hotKeys: Scenario<CallerCell> = {
  name: 'hot-keys',
  about:
    'GET with hot keys: Zipf with exponent 0.99 over 10,000 keys, so that one read in ten is of one key.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: () =>
    [64, 512].map((callers) => ({
      table: 'GET, hot keys (Zipf), values of 100 bytes',
      column: callersName(callers),
      valueBytes: SMALL_BYTES,
      callers,
    })),
  prepare: ({ subject, workload }, { valueBytes }) => fill(subject, workload(valueBytes)),
  measure: ({ subject, workload }, { valueBytes, callers }, ms) => {
    const work = workload(valueBytes);
    return readers(subject, work, callers, ms, work.hotOrder);
  },
};
