import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { fill } from '../harness/workload.js';
import { type CallerCell, callerCell, SMALL_BYTES } from './caller-cells.js';
import { readers } from './get.js';

export const sockets: Scenario<CallerCell> = {
  name: 'sockets',
  about: "GET over one connection for each server, and over node-redis' pools of two and of four.",
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: ['dredis', 'dredis-pool-2', 'dredis-pool-4'],
  cells: () => [1, 64, 512].map((callers) => callerCell('GET over several sockets', SMALL_BYTES, callers)),
  prepare: ({ subject, workload }, { valueBytes }) => fill(subject, workload(valueBytes)),
  measure: ({ subject, workload }, { valueBytes, callers }, ms) =>
    readers(subject, workload(valueBytes), callers, ms),
};
