import { EVERYBODY } from '../contestants/index.js';
import { CPU_US, OPS_PER_SECOND, withCallers } from '../harness/callers.js';
import type { Cell, Scenario } from '../harness/scenario.js';
import { checkWritten, fill, type Workload } from '../harness/workload.js';
import { WrongResult } from '../harness/wrong-result.js';
import { SMALL_BYTES } from './caller-cells.js';

const CALLERS = 8;
/** Different calls that are built beforehand. */
const CALL_COUNT = 64;

interface ManyCell extends Cell {
  readonly keyCount: number;
}

const cells = (work: string): ManyCell[] =>
  [10, 100, 1_000].map((keyCount) => ({
    table: `${work}, values of 100 bytes, ${CALLERS} callers`,
    column: `${keyCount.toLocaleString('en-US')} keys`,
    keyCount,
  }));

/** Which keys each call is about: the workload's order, cut into pieces. */
const calls = ({ order }: Workload, keyCount: number) =>
  Array.from({ length: CALL_COUNT }, (_, call) => [
    ...order.subarray(call * keyCount, (call + 1) * keyCount),
  ]);

export const getMany: Scenario<ManyCell> = {
  name: 'get-many',
  about: 'Callers that each read many keys at once; every value is compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: () => cells('getMany'),
  prepare: ({ subject, workload }) => fill(subject, workload(SMALL_BYTES)),
  measure: ({ subject, workload }, { keyCount }, ms) => {
    const work = workload(SMALL_BYTES);
    const pick = (all: readonly string[]) =>
      calls(work, keyCount).map((indexes) => indexes.map((index) => all[index] as string));
    const keys = pick(work.keys);
    const values = pick(work.values[0]);
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
  about: 'Callers that each write many keys at once, without expiry; a hundred are read back and compared.',
  metrics: [OPS_PER_SECOND, CPU_US],
  contestants: EVERYBODY,
  cells: () => cells('setMany'),
  measure: async ({ subject, workload, round }, { keyCount }, ms) => {
    const work = workload(SMALL_BYTES);
    const values = work.values[round % 2] as readonly string[];
    const entries = calls(work, keyCount).map((indexes) =>
      indexes.map((index) => ({ key: work.keys[index] as string, value: values[index] as string })),
    );
    const numbers = await withCallers(CALLERS, ms, async (turns) => {
      while (!turns.over)
        await subject.setMany(entries[turns.next++ % CALL_COUNT] as (typeof entries)[number]);
    });
    await checkWritten(subject, work, values, Math.min(numbers.turnCount, CALL_COUNT) * keyCount);
    return numbers;
  },
};
