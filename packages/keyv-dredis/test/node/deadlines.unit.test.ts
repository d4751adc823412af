import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Deadlines } from '../../src/node/deadlines.js';
import { globalTimers } from '../support/global-timers.js';

const timeout = new Error('timeout');
const noop = () => undefined;

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T = string>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
});

afterEach(() => {
  jest.useRealTimers();
});

function makeDeadlines(timeoutMs = 100) {
  const watcher = new Deadlines({ timeoutMs, timeoutError: () => timeout, timers: globalTimers });
  /** Watches a promise that the test settles. Records the outcome and when the promise settled. */
  const track = () => {
    const source = deferred();
    const tracked: { outcome: unknown; at: number | undefined } = { outcome: 'pending', at: undefined };
    const settle = (outcome: unknown) => Object.assign(tracked, { outcome, at: Date.now() });
    watcher.watch(source.promise, { resolve: settle, reject: settle });
    return { ...source, tracked };
  };
  return { watcher, track };
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  // Deadlines wait for one more turn of the event loop after the timer fires.
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a watched promise', () => {
  test('resolves with its value if it settles in time', async () => {
    const { track } = makeDeadlines();
    const one = track();
    one.resolve('value');
    await pass(0);
    expect(one.tracked.outcome).toBe('value');
  });

  test('rejects with its reason if it settles in time', async () => {
    const { track } = makeDeadlines();
    const one = track();
    const reason = new Error('reason');
    one.reject(reason);
    await pass(0);
    expect(one.tracked.outcome).toBe(reason);
  });

  test('rejects with the timeout error after timeoutMs, but not earlier', async () => {
    const { track } = makeDeadlines(100);
    const one = track();
    await pass(99);
    expect(one.tracked.outcome).toBe('pending');
    await pass(2);
    expect(one.tracked.outcome).toBe(timeout);
  });

  test('has no effect if it settles after its timeout, and causes no unhandled rejection', async () => {
    const { track, watcher } = makeDeadlines(100);
    const one = track();
    const other = track();
    await pass(200);
    one.resolve('too late');
    other.reject(new Error('too late'));
    await pass(0);
    expect([one.tracked.outcome, other.tracked.outcome]).toEqual([timeout, timeout]);
    await watcher.idle();
  });

  test.each([
    [100, 40],
    [1, 5],
  ])(
    'times out after its own %p ms if several promises are watched %p ms apart',
    async (timeoutMs, apartMs) => {
      const { track } = makeDeadlines(timeoutMs);
      const started: number[] = [];
      const all = [];
      for (let count = 0; count < 5; count++) {
        started.push(Date.now());
        all.push(track());
        await pass(apartMs);
      }
      await pass(timeoutMs + 1);
      all.forEach(({ tracked }, index) => {
        expect(tracked.outcome).toBe(timeout);
        const took = (tracked.at as number) - (started[index] as number);
        expect(took).toBeGreaterThanOrEqual(timeoutMs);
        expect(took).toBeLessThanOrEqual(timeoutMs + 1);
      });
    },
  );

  test('does not time out if its reply arrived while the event loop was blocked', async () => {
    jest.useRealTimers();
    const watcher = new Deadlines({ timeoutMs: 20, timeoutError: () => timeout });
    const answered = new Promise((resolve, reject) => {
      // Simulates a reply in the socket that arrives before the deadline and is read one turn later.
      watcher.watch(new Promise((reply) => setTimeout(() => setImmediate(reply, 'answer'), 10)), {
        resolve,
        reject,
      });
    });
    const blockedUntil = performance.now() + 100;
    while (performance.now() < blockedUntil);
    expect(await answered).toBe('answer');
  });

  test('does not delay the promises before and after it when it times out', async () => {
    const { track } = makeDeadlines(100);
    const [first, slow, last] = [track(), track(), track()];
    last.resolve('last');
    first.resolve('first');
    await pass(101);
    expect([first, slow, last].map(({ tracked }) => tracked.outcome)).toEqual(['first', timeout, 'last']);
  });
});

describe('the timer', () => {
  test('is shared by all promises, and stops once all have settled and expired', async () => {
    const { track } = makeDeadlines(100);
    const all = Array.from({ length: 1000 }, () => track());
    expect(jest.getTimerCount()).toBe(1);
    for (const { resolve } of all) resolve('value');
    await pass(101);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits for the oldest pending promise, not for settled promises before it', async () => {
    const { track } = makeDeadlines(100);
    track().resolve('value');
    await pass(50);
    const second = track();
    await pass(60);
    expect(second.tracked.outcome).toBe('pending');
    expect(jest.getTimerCount()).toBe(1);
    await pass(41);
    expect(second.tracked.outcome).toBe(timeout);
  });

  test('is still the only timer if a promise is added while a timeout is handled', async () => {
    const { watcher, track } = makeDeadlines(100);
    watcher.watch(new Promise(noop), { resolve: noop, reject: () => void track() });
    await pass(50);
    const second = track();
    await pass(51);
    expect(jest.getTimerCount()).toBe(1);
    await pass(50);
    expect(second.tracked.outcome).toBe(timeout);
  });

  test('does not keep the process alive', () => {
    jest.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const watcher = new Deadlines({ timeoutMs: 60_000, timeoutError: () => timeout });
    watcher.watch(new Promise(noop), { resolve: noop, reject: noop });
    // An unref'd timer is not listed among the resources that keep the process alive.
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
  });
});

test("a settled promise's callbacks are released, even if an earlier promise is still pending", async () => {
  jest.useRealTimers();
  const { watcher } = makeDeadlines(60_000);
  watcher.watch(new Promise(noop), { resolve: noop, reject: noop });
  const settled = Array.from({ length: 10 }, () => {
    const held = { held: true };
    const holds = () => void held;
    watcher.watch(Promise.resolve(), { resolve: holds, reject: holds });
    return new WeakRef(held);
  });
  await collectGarbage();
  expect(settled.filter((reference) => reference.deref() !== undefined)).toEqual([]);
});

describe('idle()', () => {
  test('resolves at once if nothing is pending', async () => {
    await expect(makeDeadlines().watcher.idle()).resolves.toBeUndefined();
  });

  test('resolves for every caller once the last promise has settled', async () => {
    const { watcher, track } = makeDeadlines(100);
    const [one, other] = [track(), track()];
    let idleCount = 0;
    for (let count = 0; count < 2; count++) watcher.idle().then(() => idleCount++);
    one.resolve('value');
    await pass(0);
    expect(idleCount).toBe(0);
    other.reject(new Error('reply'));
    await pass(0);
    expect(idleCount).toBe(2);
  });

  test('resolves when the last pending promise times out', async () => {
    const { watcher, track } = makeDeadlines(100);
    track();
    const idle = watcher.idle();
    await pass(101);
    await expect(idle).resolves.toBeUndefined();
  });
});

describe("a settled promise's value", () => {
  test('is released once the promises before it have settled', async () => {
    const { watcher, track } = makeDeadlines(100);
    const slow = track();
    const weak = await settledValue(watcher);
    slow.resolve('value');
    await pass(0);
    jest.useRealTimers();
    await collectGarbage();
    expect(weak.deref()).toBeUndefined();
  });

  test('is released even if new promises are added and one promise is always pending', async () => {
    const { watcher, track } = makeDeadlines(100_000);
    let pending = track();
    const weak = await settledValue(watcher);
    for (let count = 0; count < 5000; count++) {
      const next = track();
      pending.resolve('value');
      await Promise.resolve();
      pending = next;
    }
    await pass(0);
    jest.useRealTimers();
    await collectGarbage();
    expect(weak.deref()).toBeUndefined();
    pending.resolve('value');
    await watcher.idle();
  });
});

/**
 * Watches a promise until it has resolved. A separate function, so that no other stack frame keeps the value.
 */
async function settledValue(watcher: Deadlines): Promise<WeakRef<object>> {
  const value = await new Promise<object>((resolve, reject) => {
    watcher.watch(Promise.resolve({ large: true }), { resolve, reject });
  });
  return new WeakRef(value);
}

/**
 * Runs full collections in several event loop turns, because a WeakRef keeps its target until the turn ends.
 */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}
