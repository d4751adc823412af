import { STANDARD_CONTESTANTS } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callersLabel, SMALL_BYTES } from './caller-cells.js';
import { fillValues, measureReads } from './readers.js';

export const hotKeys: Scenario<CallerCell> = {
  name: 'hot-keys',
  about:
    'GET with hot keys. Reads of 10,000 keys follow a Zipf distribution with exponent 0.99. One read in ten is ' +
    'for the hottest key.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: () =>
    [64, 512].map((callers) => ({
      table: 'GET, hot keys (Zipf), values of 100 bytes',
      column: callersLabel(callers),
      valueBytes: SMALL_BYTES,
      callers,
    })),
  prepare: fillValues,
  measure: (context, cell, ms) => measureReads(context, cell, ms, 'hotOrder'),
};
