import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { fill } from '../harness/workload.js';
import { type CallerCell, callersName, SMALL_BYTES } from './caller-cells.js';
import { readers } from './get.js';

const CALLERS = 512;

/** The contestants are the same ones over more and more servers, so that these take turns, too. */
export const nodes: Scenario<CallerCell> = {
  name: 'nodes',
  about: 'GET over 1, 4, 16 and 64 servers: the CPU time of the process for one GET, and its throughput.',
  metrics: [CPU_US, OPS_PER_SECOND],
  contestants: [
    'dredis-1',
    'dredis',
    'dredis-16',
    'dredis-64',
    'spread-1',
    'spread',
    'spread-16',
    'spread-64',
  ],
  cells: () => [
    {
      table: 'GET over more and more servers, values of 100 bytes',
      column: callersName(CALLERS),
      valueBytes: SMALL_BYTES,
      callers: CALLERS,
    },
  ],
  prepare: ({ subject, workload }, { valueBytes }) => fill(subject, workload(valueBytes)),
  measure: ({ subject, workload }, { valueBytes, callers }, ms) =>
    readers(subject, workload(valueBytes), callers, ms),
};
