import { STANDARD_CONTESTANTS } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callerCells } from './caller-cells.js';
import { fillValues, measureReads } from './readers.js';

const QUICK_COUNTS = { small: [1, 8, 64, 512], large: [64] };

export const get: Scenario<CallerCell> = {
  name: 'get',
  about: 'Each caller reads one random key per call. Every value is compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: (quick) => callerCells('GET', quick ? QUICK_COUNTS : undefined),
  prepare: fillValues,
  measure: (context, cell, ms) => measureReads(context, cell, ms),
};
