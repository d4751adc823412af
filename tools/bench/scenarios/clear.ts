import { WrongResult } from '../../shared/wrong-result.js';
import { loadedKey, loadedValue } from '../harness/loaded-keys.js';
import { peakMbWhile } from '../harness/memory.js';
import type { Cell, Metric, Scenario } from '../harness/scenario.js';

interface LoadedCell extends Cell {
  readonly keyCount: number;
}

const METRICS: readonly Metric[] = [
  { key: 'seconds', label: 'seconds', better: 'less', format: (value) => value.toFixed(2) },
  {
    key: 'peakMb',
    label: 'peak memory of the process, MB',
    better: 'less',
    format: (value) => value.toFixed(0),
  },
];

const CONTESTANTS = ['dredis', 'baseline', 'keyv-redis'];

/** The iterator scenario compares every 100th entry. */
const CHECK_INTERVAL = 100;

/** Two sizes show whether memory grows with the number of keys. */
const cells = (operation: string, quick: boolean): LoadedCell[] =>
  (quick ? [10_000, 100_000] : [100_000, 1_000_000]).map((keyCount) => ({
    table: operation,
    column: `${keyCount.toLocaleString('en-US')} keys`,
    keyCount,
  }));

async function measureOnce(work: () => Promise<void>): Promise<{ seconds: number; peakMb: number }> {
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
  about:
    'clear() of a namespace; by hand, SCAN and UNLINK, one page after the other on each server. Afterwards, the servers ' +
    'must be empty.',
  metrics: METRICS,
  contestants: [...CONTESTANTS, 'spread'],
  cells: (quick) => cells('clear', quick),
  freshProcess: true,
  async round({ cell, load, measure, countKeys }) {
    await load(cell.keyCount);
    const before = await countKeys();
    if (before !== cell.keyCount) throw new WrongResult('keys before clear()', cell.keyCount, before);
    const values = await measure();
    const after = await countKeys();
    if (after !== 0) throw new WrongResult('keys after clear()', 0, after);
    return values;
  },
  measure: ({ subject }) =>
    measureOnce(async () => {
      await subject.clear?.();
    }),
};

export const iterator: Scenario<LoadedCell> = {
  name: 'iterator',
  about:
    'iterator() over a whole namespace. All entries are counted, and every ' +
    `${CHECK_INTERVAL}th entry is compared.`,
  metrics: METRICS,
  contestants: CONTESTANTS,
  cells: (quick) => cells('iterator', quick),
  freshProcess: true,
  async round({ cell, load, measure }) {
    await load(cell.keyCount);
    return measure();
  },
  measure: ({ subject }, { keyCount }) =>
    measureOnce(async () => {
      let count = 0;
      for await (const [key, value] of subject.iterator?.() ?? []) {
        count += 1;
        if (count % CHECK_INTERVAL === 0) checkEntry(key, value);
      }
      // SCAN may return a key twice, but it never omits a key that exists during the whole scan.
      if (count < keyCount) throw new WrongResult('entries from the iterator', keyCount, count);
    }),
};

function checkEntry(key: string, value: unknown): void {
  const index = Number(key.split(':')[1]);
  if (key !== loadedKey(index)) throw new WrongResult('a key from the iterator', loadedKey(index), key);
  if (value !== loadedValue(index)) throw new WrongResult(`iterator: ${key}`, loadedValue(index), value);
}
