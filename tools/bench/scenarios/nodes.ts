import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callersLabel, SMALL_BYTES } from './caller-cells.js';
import { fillValues, measureReads } from './readers.js';

const CALLERS = 512;

export const nodes: Scenario<CallerCell> = {
  name: 'nodes',
  about: 'GET over 1, 4, 16 and 64 servers: CPU time of the client process per call, and throughput.',
  metrics: [CPU_US, OPS_PER_SECOND],
  // Each number of servers has its own contestant, so that all numbers of servers take turns in each round.
  contestants: [
    ...['dredis-1', 'dredis', 'dredis-16', 'dredis-64'],
    ...['spread-1', 'spread', 'spread-16', 'spread-64'],
  ],
  cells: () => [
    {
      table: 'GET over 1 to 64 servers, values of 100 bytes',
      column: callersLabel(CALLERS),
      valueBytes: SMALL_BYTES,
      callers: CALLERS,
    },
  ],
  prepare: fillValues,
  measure: (context, cell, ms) => measureReads(context, cell, ms),
};
