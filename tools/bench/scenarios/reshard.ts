import { setTimeout as sleep } from 'node:timers/promises';
import { versionedValue } from '../../shared/cache-aside-callers.js';
import { now } from '../../shared/clock.js';
import { createZipfLoad } from '../../shared/workload.js';
import { loadedKey } from '../harness/loaded-keys.js';
import { mbWhile } from '../harness/memory.js';
import type { Cell, MeasureContext, Metric, MetricValues, Scenario } from '../harness/scenario.js';
import { timelineValues } from '../harness/timeline.js';
import { type ChangeTimes, ChangeWatch } from './change-watch.js';

const CALLER_COUNT = 64;
/** Long enough that the order of the keys does not repeat within a round. */
const TURN_COUNT = 2 ** 20;
/** Milliseconds: until the load is steady, before the first change, and from a change to the next one at least. */
const TIMES = {
  full: { warmUp: 5_000, before: 10_000, change: 30_000 },
  quick: { warmUp: 2_000, before: 3_000, change: 8_000 },
};
/** How long the load is watched after a change that takes longer than TIMES, in milliseconds. */
const AFTER_MS = 5_000;
const SERVERS_BEFORE = 4;

/** The two changes of a round. */
export const CHANGES = [
  { name: 'grow', label: 'four to five' },
  { name: 'shrink', label: 'five to four' },
] as const;

interface ReshardCell extends Cell {
  readonly keyCount: number;
  readonly times: (typeof TIMES)['full'];
  readonly phase: 'start' | 'change' | 'end';
  /** The servers after the change. */
  readonly target: readonly string[];
  readonly watchedFrom: number;
  readonly changes: readonly ChangeTimes[];
}

const percentage = (value: number) => `${(100 * value).toFixed(2)} %`;
const milliseconds = (value: number) => value.toFixed(value < 10 ? 2 : 0);
const count = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

const ABOUT_CHANGE: readonly (readonly [key: string, label: string, Metric['better'], Metric['format']])[] = [
  ['lowestHitRate', 'lowest hit rate of a second, relative to before', 'more', percentage],
  ['p99Ms', 'p99 of reads, ms', 'less', milliseconds],
  ['worstP99Ms', 'highest p99 of a second, ms', 'less', milliseconds],
  ['p50Ms', 'median of reads, ms', 'less', milliseconds],
  ['maxMs', 'longest read, ms', 'less', milliseconds],
  ['perSecond', 'reads per second', 'more', count],
  ['stale', 'stale reads', 'less', count],
  ['failed', 'failed calls', 'less', count],
  ['seconds', 'duration, s', 'less', (value) => value.toFixed(1)],
  ['movedCount', 'moved entries', 'more', count],
  ['keysPerSecond', 'moved entries per second', 'more', count],
  ['operatorMb', 'peak memory of the process that moves, MB', 'less', count],
];

export const reshard: Scenario<ReshardCell> = {
  name: 'reshard',
  about:
    `${CALLER_COUNT} callers in one process use a cache-aside cache: 90 % reads, 10 % writes, a write after each ` +
    'miss, and a pause of about 10 ms between two calls. Keys follow a Zipf distribution with exponent 0.99, and ' +
    'values have 100 bytes. A fifth server is added and removed again: for all processes by `reshard()`, which ' +
    'another process calls, or for this process by `updateNodes()`. A stale value is no hit. ' +
    'Times are those of reads.',
  metrics: [
    { key: 'beforePerSecond', label: 'before: reads per second', better: 'more', format: count },
    { key: 'beforeHitRate', label: 'before: hit rate', better: 'more', format: percentage },
    { key: 'beforeP50Ms', label: 'before: median of reads, ms', better: 'less', format: milliseconds },
    { key: 'beforeP99Ms', label: 'before: p99 of reads, ms', better: 'less', format: milliseconds },
    { key: 'beforeMaxMs', label: 'before: longest read, ms', better: 'less', format: milliseconds },
    ...CHANGES.flatMap(({ name, label: change }) =>
      ABOUT_CHANGE.map(([key, label, better, format]) => ({
        key: `${name}.${key}`,
        label: `${change}: ${label}`,
        better,
        format,
      })),
    ),
  ],
  contestants: ['dredis-reshard', 'dredis-reshard-paced', 'dredis-update-nodes'],
  cells: (quick) => {
    const keyCount = quick ? 50_000 : 1_000_000;
    return [
      {
        table: `${count(keyCount)} keys, four to five servers and back`,
        column: `${CALLER_COUNT} callers`,
        keyCount,
        times: quick ? TIMES.quick : TIMES.full,
        phase: 'start',
        target: [],
        watchedFrom: 0,
        changes: [],
      },
    ];
  },
  rowPerMetric: true,
  // A process that stays open would write its topology record to the empty servers of the next round.
  freshProcess: true,
  beforeStart: ({ cell: { keyCount }, load }) =>
    load(keyCount, { serverCount: SERVERS_BEFORE, entryOf: firstEntry }),
  async round({ cell, contestant, servers, measure, startOther }) {
    const { times } = cell;
    const five = servers.map(({ location }) => location);
    const changing = contestant.changesServersOf === 'all' ? await startOther() : { measure };
    await measure(cell);
    await sleep(times.warmUp);
    const watchedFrom = now();
    await sleep(times.before);
    const changes: ChangeTimes[] = [];
    const values: MetricValues[] = [];
    for (const [index, target] of [five, five.slice(0, SERVERS_BEFORE)].entries()) {
      const name = CHANGES[index]?.name as string;
      const startedAt = now();
      const changed = await changing.measure({ ...cell, phase: 'change', target });
      const endedAt = now();
      const watchedUntil = Math.max(startedAt + times.change, endedAt + AFTER_MS);
      await sleep(watchedUntil - now());
      changes.push({ name, startedAt, endedAt, watchedUntil });
      values.push(
        Object.fromEntries(Object.entries(changed).map(([key, value]) => [`${name}.${key}`, value])),
      );
    }
    return Object.assign(await measure({ ...cell, phase: 'end', watchedFrom, changes }), ...values);
  },
  async measure(context, { phase, keyCount, target, watchedFrom, changes }) {
    if (phase === 'change') return changeServers(context, target);
    if (phase === 'start') {
      const keys = Array.from({ length: keyCount }, (_, index) => loadedKey(index));
      watch = new ChangeWatch(context.subject, createZipfLoad(keys, TURN_COUNT));
      watch.start(CALLER_COUNT);
      return {};
    }
    if (watch === undefined) throw new Error(`phase "${phase}" came before phase "start"`);
    return watch.end(watchedFrom, changes);
  },
};

/** Kept in the contestant's process from one phase to the next. */
let watch: ChangeWatch | undefined;

/** The entry that the callers expect. */
export const firstEntry = (index: number) => {
  const key = loadedKey(index);
  return { key, value: versionedValue(key, 1) };
};

async function changeServers({ subject }: MeasureContext, target: readonly string[]): Promise<MetricValues> {
  if (subject.changeServers === undefined) throw new Error('this contestant cannot change its servers');
  let result = { movedCount: 0, movingMs: 0 };
  const samples = await mbWhile(async () => {
    result = (await subject.changeServers?.(target)) ?? result;
  });
  const { movedCount, movingMs } = result;
  // The callers' process has other memory, too.
  if (movedCount === 0) return {};
  const perSecond = new Map<number, number>();
  for (const { ms, mb } of samples) {
    const second = Math.floor(ms / 1_000);
    perSecond.set(second, Math.max(mb, perSecond.get(second) ?? 0));
  }
  return {
    movedCount,
    keysPerSecond: (movedCount / movingMs) * 1_000,
    operatorMb: Math.max(...perSecond.values()),
    ...timelineValues('operatorMb', perSecond),
  };
}
