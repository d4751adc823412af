import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from 'redis-launcher';
import { withCallers } from '../harness/callers.js';
import type { Cell, Metric, Scenario } from '../harness/scenario.js';
import { percentile } from '../harness/statistics.js';
import { fill } from '../harness/workload.js';
import { WrongResult } from '../harness/wrong-result.js';
import { SMALL_BYTES } from './caller-cells.js';

/** Callers of the healthy servers, and of the one that freezes. */
const CALLERS = { healthy: 64, victim: 8 };
/** What a caller does after a failure, such as asking the database. */
const AFTER_FAILURE_MS = 10;

interface FrozenCell extends Cell {
  /** `host:port` of the server that freezes. */
  readonly victim: string;
  readonly phase: 'measure' | 'recover';
}

const microseconds = (key: string, label: string): Metric => ({
  key,
  label,
  better: 'less',
  format: (value) => value.toFixed(0),
});

export const frozen: Scenario<FrozenCell> = {
  name: 'frozen',
  about:
    'One of four servers is stopped (SIGSTOP) while 64 callers read keys of the other three and 8 callers keys of ' +
    'the frozen one: the 99th percentile of the time that GETs of the other three take, before and while.',
  metrics: [
    microseconds('frozenP99Us', 'p99 while one is frozen, us'),
    microseconds('beforeP99Us', 'p99 before, us'),
    microseconds('frozenMaxUs', 'longest while one is frozen, us'),
    microseconds('beforeMaxUs', 'longest before, us'),
  ],
  contestants: ['dredis', 'baseline', 'spread'],
  cells: () => [{ table: 'GET of healthy servers', column: '64 + 8 callers', victim: '', phase: 'measure' }],
  // Longer than it takes the store to give the silent server up.
  roundMs: (quick) => (quick ? 3_000 : 4_000),
  async round({ cell, servers, roundMs, measure }) {
    const victim = servers[1] as RedisServer;
    const named = { ...cell, victim: victim.location };
    const before = await measure(named, roundMs / 2);
    await victim.pause();
    const during = await measure(named, roundMs).finally(() => victim.resume());
    await measure({ ...named, phase: 'recover' });
    return {
      beforeP99Us: before['p99Us'] as number,
      beforeMaxUs: before['maxUs'] as number,
      frozenP99Us: during['p99Us'] as number,
      frozenMaxUs: during['maxUs'] as number,
    };
  },
  prepare: ({ subject, workload }) => fill(subject, workload(SMALL_BYTES)),
  async measure({ subject, workload }, { victim, phase }, ms) {
    const {
      keys,
      values: [values],
    } = workload(SMALL_BYTES);
    const owned = keys.map((key) => subject.ownerOf?.(key) === victim);
    const indexes = (isVictims: boolean) => [...keys.keys()].filter((index) => owned[index] === isVictims);
    const [healthy, frozen] = [indexes(false), indexes(true)];
    const read = (index: number) => subject.get(keys[index] as string);
    if (phase === 'recover') {
      await untilItAnswers(() => read(frozen[0] as number), values[frozen[0] as number]);
      return {};
    }
    const times: number[] = [];
    // Nobody waits for these: what they wait for may take until the server goes on.
    let over = false;
    const knock = async (number: number) => {
      for (let turn = number; !over; turn += CALLERS.victim) {
        await read(frozen[turn % frozen.length] as number).catch(() => sleep(AFTER_FAILURE_MS));
      }
    };
    for (let number = 0; number < CALLERS.victim; number++) void knock(number);
    await withCallers(CALLERS.healthy, ms, async (turns) => {
      while (!turns.over) {
        const index = healthy[turns.next++ % healthy.length] as number;
        const startedAt = performance.now();
        const value = await read(index);
        times.push(performance.now() - startedAt);
        if (value !== values[index]) throw new WrongResult(`GET ${keys[index]}`, values[index], value);
      }
    });
    over = true;
    const sorted = Float64Array.from(times).sort();
    return { p99Us: percentile(sorted, 0.99) * 1000, maxUs: (sorted.at(-1) ?? 0) * 1000 };
  },
};

const RECOVERY_MS = 20_000;

async function untilItAnswers(read: () => Promise<unknown>, expected: unknown): Promise<void> {
  const endsAt = performance.now() + RECOVERY_MS;
  for (;;) {
    const value = await read().catch((error: unknown) => error);
    if (value === expected) return;
    if (performance.now() > endsAt)
      throw new WrongResult('the server that was frozen', expected, String(value));
    await sleep(AFTER_FAILURE_MS);
  }
}
