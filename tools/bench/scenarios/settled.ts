import { CPU_US, OPS_PER_SECOND } from '../harness/callers.js';
import type { Scenario } from '../harness/scenario.js';
import { type CallerCell, callerCell, SMALL_BYTES } from './caller-cells.js';
import { fillValues, measureReads } from './readers.js';
import { measureWrites } from './set.js';

const CALLER_COUNTS = [1, 8, 64, 512];

interface SettledCell extends CallerCell {
  readonly isWrite: boolean;
}

export const settled: Scenario<SettledCell> = {
  name: 'settled',
  about:
    'GET and SET without a topology record, under a settled record, and with an older build (--baseline). Each ' +
    'caller uses one random key per call.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: ['dredis', 'dredis-resharded', 'baseline'],
  cells: () =>
    [false, true].flatMap((isWrite) =>
      CALLER_COUNTS.map((callers) => ({
        ...callerCell(isWrite ? 'SET, settled' : 'GET, settled', SMALL_BYTES, callers),
        isWrite,
      })),
    ),
  async prepare(context, cell) {
    if (!cell.isWrite) await fillValues(context, cell);
  },
  measure: (context, cell, ms) => {
    if (!cell.isWrite) return measureReads(context, cell, ms);
    // Every round writes the values that reads expect.
    const { subject, workload } = context;
    return measureWrites({ subject, workload, round: 0 }, cell, ms);
  },
};
