import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Deadlines } from '../../src/node/deadlines.js';

const late = new Error('late');
const ignore = () => undefined;

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

function deadlines(timeoutMs = 100) {
  // Jest's fake clock stands behind performance.now() as well; an injected one makes that no condition.
  const it = new Deadlines({ timeoutMs, timeoutError: () => late, now: () => Date.now() });
  /** Tracks a promise that the test settles; `outcome` tells what its caller got, and when. */
  const track = () => {
    const source = deferred();
    const tracked: { outcome: unknown; at: number | undefined } = { outcome: 'pending', at: undefined };
    const settle = (outcome: unknown) => Object.assign(tracked, { outcome, at: Date.now() });
    it.watch(source.promise, settle, settle);
    return { ...source, tracked };
  };
  return { it, track };
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  // The sockets are read between a timer and what it sets off.
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a promise in time', () => {
  test('comes through as it is', async () => {
    const { track } = deadlines();
    const one = track();
    one.resolve('value');
    await pass(0);
    expect(one.tracked.outcome).toBe('value');
  });

  test('that rejects does so for its reason', async () => {
    const { track } = deadlines();
    const one = track();
    const reason = new Error('reason');
    one.reject(reason);
    await pass(0);
    expect(one.tracked.outcome).toBe(reason);
  });

  test('rejects once its time is over, and not before', async () => {
    const { track } = deadlines(100);
    const one = track();
    await pass(99);
    expect(one.tracked.outcome).toBe('pending');
    await pass(2);
    expect(one.tracked.outcome).toBe(late);
  });

  test('and then settles after all changes nothing, and leaves no rejection unhandled', async () => {
    const { track, it } = deadlines(100);
    const one = track();
    const other = track();
    await pass(200);
    one.resolve('too late');
    other.reject(new Error('too late'));
    await pass(0);
    expect([one.tracked.outcome, other.tracked.outcome]).toEqual([late, late]);
    await it.idle();
  });

  test.each([
    [100, 40],
    [1, 5],
  ])('each has %p ms of its own, when they come %p ms apart', async (timeoutMs, apartMs) => {
    const { track } = deadlines(timeoutMs);
    const started: number[] = [];
    const all = [];
    for (let count = 0; count < 5; count++) {
      started.push(Date.now());
      all.push(track());
      await pass(apartMs);
    }
    await pass(timeoutMs + 1);
    all.forEach(({ tracked }, index) => {
      expect(tracked.outcome).toBe(late);
      const took = (tracked.at as number) - (started[index] as number);
      expect(took).toBeGreaterThanOrEqual(timeoutMs);
      expect(took).toBeLessThanOrEqual(timeoutMs + 1);
    });
  });

  test('is not late when its answer lay there before the timer could run', async () => {
    jest.useRealTimers();
    const it = new Deadlines({ timeoutMs: 20, timeoutError: () => late });
    const answered = new Promise((resolve, reject) => {
      // A timer too, but one that comes before ours: what stands for the reply in the socket.
      it.watch(new Promise((reply) => setTimeout(() => setImmediate(reply, 'answer'), 10)), resolve, reject);
    });
    const blockedUntil = performance.now() + 100;
    while (performance.now() < blockedUntil);
    expect(await answered).toBe('answer');
  });

  test('does not hold up those that came before or after it', async () => {
    const { track } = deadlines(100);
    const [first, slow, last] = [track(), track(), track()];
    last.resolve('last');
    first.resolve('first');
    await pass(101);
    expect([first, slow, last].map(({ tracked }) => tracked.outcome)).toEqual(['first', late, 'last']);
  });
});

describe('one timer', () => {
  test('for any number of promises, and none when all have settled and their time is over', async () => {
    const { track } = deadlines(100);
    const all = Array.from({ length: 1000 }, () => track());
    expect(jest.getTimerCount()).toBe(1);
    for (const { resolve } of all) resolve('value');
    await pass(101);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits for the oldest that is pending: the settled ones before it do not fire it', async () => {
    const { track } = deadlines(100);
    track().resolve('value');
    await pass(50);
    const second = track();
    await pass(60);
    expect(second.tracked.outcome).toBe('pending');
    expect(jest.getTimerCount()).toBe(1);
    await pass(41);
    expect(second.tracked.outcome).toBe(late);
  });

  test('also when one who is told of a timeout asks for something more at once', async () => {
    const { it, track } = deadlines(100);
    it.watch(new Promise(ignore), ignore, () => void track());
    await pass(50);
    const second = track();
    await pass(51);
    expect(jest.getTimerCount()).toBe(1);
    await pass(50);
    expect(second.tracked.outcome).toBe(late);
  });

  test('does not keep the process alive', () => {
    jest.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const it = new Deadlines({ timeoutMs: 60_000, timeoutError: () => late });
    it.watch(
      new Promise(() => undefined),
      () => undefined,
      () => undefined,
    );
    // An unref'd timer is not among the resources that keep the event loop going.
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
  });
});

test('what has settled is let go, also behind one that has not', async () => {
  jest.useRealTimers();
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const { it } = deadlines(60_000);
  it.watch(new Promise(() => undefined), ignore, ignore);
  const settled = Array.from({ length: 10 }, () => {
    const held = { held: true };
    const holds = () => void held;
    it.watch(Promise.resolve(), holds, holds);
    return new WeakRef(held);
  });
  // A WeakRef that was made in a job keeps its target until the job is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(settled.filter((reference) => reference.deref() !== undefined)).toEqual([]);
});

describe('idle()', () => {
  test('resolves at once when nothing is pending', async () => {
    await expect(deadlines().it.idle()).resolves.toBeUndefined();
  });

  test('waits for the last one, for all who wait', async () => {
    const { it, track } = deadlines(100);
    const [one, other] = [track(), track()];
    let idleCount = 0;
    for (let count = 0; count < 2; count++) it.idle().then(() => idleCount++);
    one.resolve('value');
    await pass(0);
    expect(idleCount).toBe(0);
    other.reject(new Error('reply'));
    await pass(0);
    expect(idleCount).toBe(2);
  });

  test('takes no longer than the deadline', async () => {
    const { it, track } = deadlines(100);
    track();
    const idle = it.idle();
    await pass(101);
    await expect(idle).resolves.toBeUndefined();
  });
});

describe('memory', () => {
  test('a value is given back once it and those before it have come', async () => {
    const { it, track } = deadlines(100);
    const slow = track();
    const weak = await valueThatCame(it);
    slow.resolve('value');
    await pass(0);
    jest.useRealTimers();
    await collectGarbage();
    expect(weak.deref()).toBeUndefined();
  });

  test('also while promises come without end, and there is always one that is pending', async () => {
    const { it, track } = deadlines(100_000);
    let pending = track();
    const weak = await valueThatCame(it);
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
    await it.idle();
  });
});

/** Tracks one more promise until it has come. In a frame of its own, which does not hold the value. */
async function valueThatCame(it: Deadlines): Promise<WeakRef<object>> {
  const value = await new Promise<object>((resolve, reject) => {
    it.watch(Promise.resolve({ large: true }), resolve, reject);
  });
  return new WeakRef(value);
}

/** Full collections, one per turn of the event loop: a WeakRef is alive until the end of its turn. */
async function collectGarbage(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}
