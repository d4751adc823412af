import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from 'redis-launcher';
import { WrongResult } from '../../shared/wrong-result.js';
import { withCallers } from '../harness/callers.js';
import type { Cell, MeasureContext, Metric, MetricValues, Scenario } from '../harness/scenario.js';
import { percentile } from '../harness/statistics.js';
import { fill } from '../harness/stored-values.js';
import { SMALL_BYTES } from './caller-cells.js';

/** Number of callers for the healthy servers' keys, and for the frozen server's keys. */
const CALLERS = { healthy: 64, frozen: 8 };
/** A caller's pause after a failed call or a miss. It stands for a database query. */
const MISS_PAUSE_MS = 10;
/** Each round has a new process, so V8 has to compile its hot functions. */
const WARM_UP_MS = 1_500;
const RECOVERY_MS = 20_000;

interface FrozenCell extends Cell {
  /** `host:port` of the server that is frozen. */
  readonly victim: string;
  readonly phase: 'warm-up' | 'measure' | 'recover';
}

const microseconds = (key: string, label: string): Metric => ({
  key,
  label: `${label}, us`,
  better: 'less',
  format: (value) => value.toFixed(0),
});

export const frozen: Scenario<FrozenCell> = {
  name: 'frozen',
  about:
    `One of four servers is frozen (SIGSTOP). ${CALLERS.healthy} callers read the other three servers' keys, and ` +
    `${CALLERS.frozen} callers read the frozen server's keys. Only GETs to the three healthy servers are timed, ` +
    'before and during the freeze.',
  metrics: [
    microseconds('frozenP99Us', 'p99 during the freeze'),
    microseconds('beforeP99Us', 'p99 before the freeze'),
    microseconds('frozenMaxUs', 'maximum during the freeze'),
    microseconds('beforeMaxUs', 'maximum before the freeze'),
  ],
  contestants: ['dredis', 'baseline', 'spread'],
  cells: () => [
    {
      table: 'GET from healthy servers',
      column: `${CALLERS.healthy} + ${CALLERS.frozen} callers`,
      victim: '',
      phase: 'warm-up',
    },
  ],
  // A process that stays open would notice the freezes of the other contestants' rounds.
  freshProcess: true,
  flushesServers: true,
  // Longer than the store needs to mark a silent server as down.
  roundMs: (quick) => (quick ? 3_000 : 4_000),
  async round({ cell, servers, roundMs, measure }) {
    const victim = servers[1] as RedisServer;
    const victimCell: FrozenCell = { ...cell, victim: victim.location, phase: 'measure' };
    await measure({ ...victimCell, phase: 'warm-up' }, WARM_UP_MS);
    const before = await measure(victimCell, roundMs / 2);
    await victim.pause();
    const during = await measure(victimCell, roundMs).finally(() => victim.resume());
    await measure({ ...victimCell, phase: 'recover' });
    return {
      beforeP99Us: before['p99Us'] as number,
      beforeMaxUs: before['maxUs'] as number,
      frozenP99Us: during['p99Us'] as number,
      frozenMaxUs: during['maxUs'] as number,
    };
  },
  async measure(context, { victim, phase }, ms) {
    await fill(context.subject, context.workload(SMALL_BYTES));
    indexes ??= keyIndexes(context, victim);
    const [healthy, ofVictim] = indexes;
    if (phase === 'recover') {
      await untilReadable(context, ofVictim[0] as number);
      return {};
    }
    const stopReading = keepReading(context, ofVictim);
    const measured = await measureLatency(context, healthy, ms);
    stopReading();
    return measured;
  },
};

/** Kept in the contestant's process, because the victim's keys may have other owners during the freeze. */
let indexes: [number[], number[]] | undefined;

/** Returns the indexes of the healthy servers' keys, and the indexes of the victim's keys. */
function keyIndexes({ subject, workload }: MeasureContext, victim: string): [number[], number[]] {
  const healthy: number[] = [];
  const ofVictim: number[] = [];
  for (const [index, key] of workload(SMALL_BYTES).keys.entries()) {
    (subject.ownerOf?.(key) === victim ? ofVictim : healthy).push(index);
  }
  return [healthy, ofVictim];
}

/** Starts callers that read the victim's keys. Their calls may stay in flight until the server resumes. */
function keepReading({ subject, workload }: MeasureContext, indexes: readonly number[]): () => void {
  const { keys } = workload(SMALL_BYTES);
  let isStopped = false;
  const runCaller = async (caller: number) => {
    for (let turn = caller; !isStopped; turn += CALLERS.frozen) {
      const key = keys[indexes[turn % indexes.length] as number] as string;
      const value = await subject.get(key).catch(() => undefined);
      if (value === undefined || value === null) await sleep(MISS_PAUSE_MS);
    }
  };
  for (let caller = 0; caller < CALLERS.frozen; caller++) void runCaller(caller);
  return () => {
    isStopped = true;
  };
}

async function measureLatency(
  { subject, workload }: MeasureContext,
  indexes: readonly number[],
  ms: number,
): Promise<MetricValues> {
  const {
    keys,
    values: [values],
  } = workload(SMALL_BYTES);
  const times: number[] = [];
  await withCallers(CALLERS.healthy, ms, async (turns) => {
    while (!turns.over) {
      const index = indexes[turns.next++ % indexes.length] as number;
      const startedAt = performance.now();
      const value = await subject.get(keys[index] as string);
      times.push(performance.now() - startedAt);
      if (value !== values[index]) throw new WrongResult(`GET ${keys[index]}`, values[index], value);
    }
  });
  const sorted = Float64Array.from(times).sort();
  return { p99Us: percentile(sorted, 0.99) * 1000, maxUs: (sorted.at(-1) ?? 0) * 1000 };
}

async function untilReadable({ subject, workload }: MeasureContext, index: number): Promise<void> {
  const {
    keys,
    values: [values],
  } = workload(SMALL_BYTES);
  const deadline = performance.now() + RECOVERY_MS;
  for (;;) {
    const value = await subject.get(keys[index] as string).catch((error: unknown) => error);
    if (value === values[index]) return;
    if (performance.now() > deadline)
      throw new WrongResult(`GET ${keys[index]} after the freeze`, values[index], String(value));
    await sleep(MISS_PAUSE_MS);
  }
}
