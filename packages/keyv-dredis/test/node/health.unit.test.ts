import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CommandTimeoutError, NodeUnavailableError } from '../../src/errors/errors.js';
import { Health, type NodeChange } from '../../src/node/health.js';

const late = new CommandTimeoutError('node', 100);
const gone = new NodeUnavailableError('node', new Error('gone'));

let answers: boolean;
let attemptCount: number;
let changes: NodeChange[];
let health: Health;
/** What comes between the first sign of life and the end of an attempt. */
let second: () => Promise<void>;

beforeEach(() => {
  jest.useFakeTimers();
  answers = false;
  second = async () => undefined;
  attemptCount = 0;
  changes = [];
  health = new Health({
    revive: async () => {
      attemptCount += 1;
      if (!answers) throw gone;
      health.returning();
      await second();
      health.up();
    },
    onChange: (change) => changes.push(change),
    now: () => Date.now(),
  });
});

afterEach(() => {
  health.stop();
  jest.useRealTimers();
});

const states = () => changes.splice(0).map(({ state }) => state);
const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe('timeouts', () => {
  test('one makes a suspect, which serves on, and an answer clears it', () => {
    health.timedOut(late);
    expect([health.state, health.isAvailable, health.reason]).toEqual(['suspect', true, late]);
    health.answered();
    expect([health.state, health.reason]).toEqual(['up', undefined]);
    expect(states()).toEqual(['suspect', 'up']);
  });

  test('three in a row make it down, and no fewer', () => {
    for (let round = 0; round < 5; round += 1) {
      health.timedOut(late);
      health.timedOut(late);
      health.answered();
    }
    expect(health.state).toBe('up');
    for (let times = 0; times < 3; times += 1) health.timedOut(late);
    expect([health.state, health.isAvailable, health.reason]).toEqual(['down', false, late]);
    expect(states().slice(-2)).toEqual(['suspect', 'down']);
  });
});

describe('what is lost', () => {
  test('is down at once, and each state is told once', () => {
    for (let times = 0; times < 64; times += 1) health.lost(gone);
    for (let times = 0; times < 64; times += 1) health.timedOut(late);
    health.answered();
    expect(states()).toEqual(['down']);
  });

  test('is tried after 250 ms at the most, then less and less often, every 30 s at the least', async () => {
    // However many commands fail at once.
    for (let times = 0; times < 64; times += 1) health.lost(gone);
    await pass(124);
    expect(attemptCount).toBe(0);
    await pass(126);
    expect(attemptCount).toBe(1);
    await pass(1000);
    expect(attemptCount).toBeGreaterThanOrEqual(2);
    await pass(120_000);
    attemptCount = 0;
    await pass(60_000);
    expect(attemptCount).toBeGreaterThanOrEqual(2);
    expect(attemptCount).toBeLessThanOrEqual(4);
    expect(states()).toEqual(['down']);
  });

  test('returns, is up, and is left alone then', async () => {
    health.lost(gone);
    await pass(2000);
    answers = true;
    await pass(5000);
    expect(changes.map(({ state }) => state)).toEqual(['down', 'returning', 'up']);
    const [down, returning, up] = changes as [NodeChange, NodeChange, NodeChange];
    expect([down.reason, returning.reason, up.reason]).toEqual([gone, gone, gone]);
    expect(returning.durationMs).toBeGreaterThan(2000);
    expect(up.durationMs).toBeGreaterThanOrEqual(returning.durationMs);
    expect([health.isAvailable, health.reason]).toEqual([true, undefined]);
    attemptCount = 0;
    await pass(60_000);
    expect(attemptCount).toBe(0);
  });

  test('once it was up again, is tried as soon as the first time', async () => {
    health.lost(gone);
    await pass(60_000);
    answers = true;
    await pass(30_000);
    expect(health.state).toBe('up');
    answers = false;
    attemptCount = 0;
    health.lost(gone);
    await pass(250);
    expect(attemptCount).toBe(1);
  });

  test('is down again where an attempt fails half-way', async () => {
    health.lost(gone);
    answers = true;
    second = async () => {
      expect([health.state, health.isAvailable]).toEqual(['returning', false]);
      throw late;
    };
    await pass(250);
    expect(states()).toEqual(['down', 'returning', 'down']);
    expect(health.reason).toBe(late);
    second = async () => undefined;
    await pass(5000);
    expect(states()).toEqual(['returning', 'up']);
  });

  test('is not up where it was lost during the attempt, though that went well', async () => {
    health.lost(gone);
    answers = true;
    second = async () => health.lost(late);
    await pass(250);
    expect(states()).toEqual(['down', 'returning', 'down']);
    second = async () => undefined;
    await pass(5000);
    expect(states()).toEqual(['returning', 'up']);
  });

  test('is tried again where it is lost as soon as it is up', async () => {
    health = new Health({
      revive: async () => {
        attemptCount += 1;
        health.returning();
        health.up();
        if (attemptCount === 1) health.lost(gone);
      },
      onChange: (change) => changes.push(change),
    });
    health.lost(gone);
    await pass(5000);
    expect(states()).toEqual(['down', 'returning', 'up', 'down', 'returning', 'up']);
  });
});

describe('revive()', () => {
  test('brings it back at once, in one attempt for all who ask', async () => {
    health.lost(gone);
    answers = true;
    await Promise.all([health.revive(), health.revive()]);
    expect(health.state).toBe('up');
    expect(attemptCount).toBe(1);
  });

  test('rejects when that fails, and it is tried again', async () => {
    health.lost(gone);
    await expect(health.revive()).rejects.toBe(gone);
    answers = true;
    await pass(5000);
    expect(health.state).toBe('up');
  });

  test('does nothing to one that serves', async () => {
    await health.revive();
    health.timedOut(late);
    await health.revive();
    expect(attemptCount).toBe(0);
    expect(health.state).toBe('suspect');
  });
});

test('after stop() nothing is tried and nothing told', async () => {
  health.lost(gone);
  health.stop();
  health.timedOut(late);
  health.lost(gone);
  await pass(60_000);
  expect(attemptCount).toBe(0);
  expect(states()).toEqual(['down']);
});

test('an attempt that stop() comes upon is the last', async () => {
  health.lost(gone);
  answers = true;
  second = async () => {
    health.stop();
    throw gone;
  };
  await pass(250);
  await pass(60_000);
  expect(attemptCount).toBe(1);
  expect(states()).toEqual(['down', 'returning']);
});
