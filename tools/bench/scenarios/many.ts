import type { Workload } from '../../shared/workload.js';
import { WrongResult } from '../../shared/wrong-result.js';
import { STANDARD_CONTESTANTS } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Cell, Scenario } from '../harness/scenario.js';
import { checkWritten, fill } from '../harness/stored-values.js';
import { SMALL_BYTES } from './caller-cells.js';

const CALLERS = 8;
/** Number of distinct calls. They are built before the clock starts, and callers repeat them. */
const CALL_COUNT = 64;

interface ManyCell extends Cell {
  readonly keyCount: number;
}

const cells = (operation: string): ManyCell[] =>
  [10, 100, 1_000].map((keyCount) => ({
    table: `${operation}, values of 100 bytes, ${CALLERS} callers`,
    column: `${keyCount.toLocaleString('en-US')} keys`,
    keyCount,
  }));

/** Returns each call's key indexes. Each call gets the next slice of the workload's order. */
const keyIndexes = ({ order }: Workload, keyCount: number) =>
  Array.from({ length: CALL_COUNT }, (_, call) => [
    ...order.subarray(call * keyCount, (call + 1) * keyCount),
  ]);

export const getMany: Scenario<ManyCell> = {
  name: 'get-many',
  about: 'Each caller reads many keys per call. Every value is compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: () => cells('getMany'),
  prepare: ({ subject, workload }) => fill(subject, workload(SMALL_BYTES)),
  measure: ({ subject, workload }, { keyCount }, ms) => {
    const work = workload(SMALL_BYTES);
    const perCall = (items: readonly string[]) =>
      keyIndexes(work, keyCount).map((indexes) => indexes.map((index) => items[index] as string));
    const keys = perCall(work.keys);
    const values = perCall(work.values[0]);
    return withCallers(CALLERS, ms, async (turns) => {
      while (!turns.over) {
        const call = turns.next++ % CALL_COUNT;
        const found = await subject.getMany(keys[call] as string[]);
        const expected = values[call] as string[];
        for (let index = 0; index < keyCount; index++) {
          if (found[index] !== expected[index])
            throw new WrongResult('getMany', expected[index], found[index]);
        }
      }
    });
  },
};

export const setMany: Scenario<ManyCell> = {
  name: 'set-many',
  about: 'Each caller writes many keys per call, without a TTL. Up to 100 keys are read back and compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: STANDARD_CONTESTANTS,
  cells: () => cells('setMany'),
  measure: async ({ subject, workload, round }, { keyCount }, ms) => {
    const work = workload(SMALL_BYTES);
    const values = work.values[round % 2] as readonly string[];
    const entries = keyIndexes(work, keyCount).map((indexes) =>
      indexes.map((index) => ({ key: work.keys[index] as string, value: values[index] as string })),
    );
    const measured = await withCallers(CALLERS, ms, async (turns) => {
      while (!turns.over)
        await subject.setMany(entries[turns.next++ % CALL_COUNT] as (typeof entries)[number]);
    });
    await checkWritten(subject, work, values, Math.min(measured.turnCount, CALL_COUNT) * keyCount);
    return measured;
  },
};
