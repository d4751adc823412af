import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callerCell, SMALL_BYTES } from './caller-cells.js';
import { fillValues, measureReads } from './readers.js';

export const sockets: Scenario<CallerCell> = {
  name: 'sockets',
  about:
    'GET over one connection per server, and over node-redis pools of two and four connections per server.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: ['dredis', 'dredis-pool-2', 'dredis-pool-4'],
  cells: () => [1, 64, 512].map((callers) => callerCell('GET over several sockets', SMALL_BYTES, callers)),
  prepare: fillValues,
  measure: (context, cell, ms) => measureReads(context, cell, ms),
};
