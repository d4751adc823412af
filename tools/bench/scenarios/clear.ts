import { loadedKey, loadedValue } from '../harness/loaded-keys.js';
import { peakMbWhile } from '../harness/memory.js';
import type { Cell, Metric, Scenario } from '../harness/scenario.js';
import { WrongResult } from '../harness/wrong-result.js';

interface LoadedCell extends Cell {
  readonly keyCount: number;
}

const METRICS: readonly Metric[] = [
  { key: 'seconds', label: 'seconds', better: 'less', format: (value) => value.toFixed(2) },
  {
    key: 'peakMb',
    label: 'memory of the process at its highest, MB',
    better: 'less',
    format: (value) => value.toFixed(0),
  },
];

const CONTESTANTS = ['dredis', 'baseline', 'keyv-redis'];

/** Two counts, for memory that is flat has to be so for both. */
const cells = (work: string, quick: boolean): LoadedCell[] =>
  (quick ? [10_000, 100_000] : [100_000, 1_000_000]).map((keyCount) => ({
    table: work,
    column: `${keyCount.toLocaleString('en-US')} keys`,
    keyCount,
  }));

async function timed(work: () => Promise<void>): Promise<{ seconds: number; peakMb: number }> {
  const startedAt = performance.now();
  let seconds = 0;
  const peakMb = await peakMbWhile(async () => {
    await work();
    seconds = (performance.now() - startedAt) / 1000;
  });
  return { seconds, peakMb };
}

export const clear: Scenario<LoadedCell> = {
  name: 'clear',
  about: 'clear() of a namespace; afterwards the servers hold no key.',
  metrics: METRICS,
  contestants: CONTESTANTS,
  cells: (quick) => cells('clear', quick),
  freshProcess: true,
  async round({ cell, load, measure, countKeys }) {
    await load(cell.keyCount);
    const before = await countKeys();
    if (before !== cell.keyCount) throw new WrongResult('keys before clear()', cell.keyCount, before);
    const numbers = await measure();
    const after = await countKeys();
    if (after !== 0) throw new WrongResult('keys after clear()', 0, after);
    return numbers;
  },
  async measure({ subject }) {
    return timed(async () => {
      await subject.clear?.();
    });
  },
};

export const iterator: Scenario<LoadedCell> = {
  name: 'iterator',
  about: 'iterator() over a namespace to its end; the entries are counted, and every hundredth is compared.',
  metrics: METRICS,
  contestants: CONTESTANTS,
  cells: (quick) => cells('iterator', quick),
  freshProcess: true,
  async round({ cell, load, measure }) {
    await load(cell.keyCount);
    return measure();
  },
  async measure({ subject }, { keyCount }) {
    return timed(async () => {
      let count = 0;
      for await (const [key, value] of subject.iterator?.() ?? []) {
        count += 1;
        if (count % 100 !== 0) continue;
        const index = Number(key.split(':')[1]);
        if (key !== loadedKey(index)) throw new WrongResult('a key of the iterator', loadedKey(index), key);
        if (value !== loadedValue(index))
          throw new WrongResult(`iterator: ${key}`, loadedValue(index), value);
      }
      // SCAN may give a key twice, but never leaves one out that is there all the while.
      if (count < keyCount) throw new WrongResult('entries of the iterator', keyCount, count);
    });
  },
};
