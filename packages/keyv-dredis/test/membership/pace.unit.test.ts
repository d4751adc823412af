import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Pace, sleep } from '../../src/membership/pace.js';
import { globalTimers } from '../support/global-timers.js';

const NEVER = new AbortController().signal;

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

function makePace(perSecond: number, signal = NEVER): Pace {
  return new Pace(perSecond, signal, globalTimers);
}

/** How long a job takes on the fake clock, in milliseconds. */
async function durationOf(job: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let tookMs = Number.NaN;
  const done = job().then(() => {
    tookMs = performance.now() - startedAt;
  });
  await jest.runAllTimersAsync();
  await done;
  return tookMs;
}

async function pause(ms: number): Promise<void> {
  await durationOf(() => sleep(ms, NEVER, globalTimers));
}

describe('a Pace', () => {
  test.each([
    [1, 1],
    [9, 1],
    [10, 1],
    [100, 10],
    [999, 99],
    [5000, 100],
    [Number.POSITIVE_INFINITY, 100],
  ])('of %s keys per second has pages of %s keys if 100 is the most', (perSecond, expected) => {
    expect(makePace(perSecond).pageSize(100)).toBe(expected);
  });

  test('makes all callers together wait', async () => {
    const pace = makePace(1000);
    const tookMs = await durationOf(() => Promise.all(Array.from({ length: 11 }, () => pace.next(20))));
    // The first one does not wait.
    expect(tookMs).toBe(200);
  });

  test('does not count the time before the first keys', async () => {
    const pace = makePace(100);
    await pause(100);
    expect(
      await durationOf(async () => {
        for (let call = 0; call < 3; call += 1) await pace.next(10);
      }),
    ).toBe(200);
  });

  test('makes up for a short delay of its caller', async () => {
    const pace = makePace(1000);
    await pace.next(20);
    await pause(190);
    const tookMs = await durationOf(async () => {
      for (let call = 0; call < 9; call += 1) await pace.next(20);
    });
    // Without making up, the last one would wait 160 ms.
    expect(tookMs).toBe(0);
  });

  test('does not make up for a long delay of its caller', async () => {
    const pace = makePace(100);
    await pace.next(10);
    await pause(600);
    expect(
      await durationOf(async () => {
        for (let call = 0; call < 5; call += 1) await pace.next(10);
      }),
    ).toBe(200);
  });

  test('without a limit never waits', async () => {
    const pace = makePace(Number.POSITIVE_INFINITY);
    const tookMs = await durationOf(async () => {
      for (let call = 0; call < 1000; call += 1) await pace.next(1e6);
    });
    expect(tookMs).toBe(0);
  });

  test('ends a wait when its signal aborts', async () => {
    const stop = new AbortController();
    const pace = makePace(0.001, stop.signal);
    await pace.next(1);
    const waiting = durationOf(() => pace.next(1));
    stop.abort();
    expect(await waiting).toBe(0);
  });
});
