import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CommandTimeoutError, NodeUnavailableError } from '../../src/errors/errors.js';
import { Health } from '../../src/node/health.js';
import type { NodeChange } from '../../src/node/node-status.js';
import { globalTimers } from '../support/global-timers.js';

const timeout = new CommandTimeoutError('node', 100);
const lost = new NodeUnavailableError('node', new Error('lost'));

let succeeds: boolean;
let attemptCount: number;
let changes: NodeChange[];
let health: Health;
/** The second half of a revival, which follows the first probe. */
let secondProbe: () => Promise<void>;

beforeEach(() => {
  jest.useFakeTimers();
  succeeds = false;
  secondProbe = async () => undefined;
  attemptCount = 0;
  changes = [];
  health = new Health({
    server: Symbol('server'),
    maxRetryDelayMs: 1000,
    revive: async () => {
      attemptCount += 1;
      if (!succeeds) throw lost;
      health.returning();
      await secondProbe();
      health.up();
    },
    onChange: (change) => changes.push(change),
    timers: globalTimers,
  });
});

afterEach(() => {
  health.stop();
  jest.useRealTimers();
});

const states = () => changes.splice(0).map(({ state }) => state);
const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe("a node's timeouts", () => {
  test('make the node suspect but available after the first timeout, and a reply makes it up', () => {
    health.timedOut(timeout);
    expect([health.state, health.isAvailable, health.reason]).toEqual(['suspect', true, timeout]);
    health.answered();
    expect([health.state, health.reason]).toEqual(['up', undefined]);
    expect(states()).toEqual(['suspect', 'up']);
  });

  test('make the node down after three in a row, but not after fewer', () => {
    for (let round = 0; round < 5; round += 1) {
      health.timedOut(timeout);
      health.timedOut(timeout);
      health.answered();
    }
    expect(health.state).toBe('up');
    for (let times = 0; times < 3; times += 1) health.timedOut(timeout);
    expect([health.state, health.isAvailable, health.reason]).toEqual(['down', false, timeout]);
    expect(states().slice(-2)).toEqual(['suspect', 'down']);
  });
});

describe('a node whose connection is lost', () => {
  test('is down at once, with one event for many failures', () => {
    for (let times = 0; times < 64; times += 1) health.lost(lost);
    for (let times = 0; times < 64; times += 1) health.timedOut(timeout);
    health.answered();
    expect(states()).toEqual(['down']);
  });

  test('is retried after at most 250 ms, then less and less often, down to every second', async () => {
    // All commands in flight fail at the same time.
    for (let times = 0; times < 64; times += 1) health.lost(lost);
    await pass(124);
    expect(attemptCount).toBe(0);
    await pass(126);
    expect(attemptCount).toBe(1);
    await pass(1000);
    expect(attemptCount).toBeGreaterThanOrEqual(2);
    await pass(120_000);
    attemptCount = 0;
    await pass(60_000);
    expect(attemptCount).toBeGreaterThanOrEqual(60);
    expect(attemptCount).toBeLessThanOrEqual(120);
    expect(states()).toEqual(['down']);
  });

  test('is returning and then up after a revival, and is no longer retried', async () => {
    health.lost(lost);
    await pass(2000);
    succeeds = true;
    await pass(5000);
    expect(changes.map(({ state }) => state)).toEqual(['down', 'returning', 'up']);
    const [down, returning, up] = changes as [NodeChange, NodeChange, NodeChange];
    expect([down.reason, returning.reason, up.reason]).toEqual([lost, lost, lost]);
    expect(returning.durationMs).toBeGreaterThan(2000);
    expect(up.durationMs).toBeGreaterThanOrEqual(returning.durationMs);
    expect([health.isAvailable, health.reason]).toEqual([true, undefined]);
    attemptCount = 0;
    await pass(60_000);
    expect(attemptCount).toBe(0);
  });

  test('is retried after the initial delay if it was up in between', async () => {
    health.lost(lost);
    await pass(60_000);
    succeeds = true;
    await pass(30_000);
    expect(health.state).toBe('up');
    succeeds = false;
    attemptCount = 0;
    health.lost(lost);
    await pass(250);
    expect(attemptCount).toBe(1);
  });

  test('is down again if a revival fails after the first probe', async () => {
    health.lost(lost);
    succeeds = true;
    secondProbe = async () => {
      expect([health.state, health.isAvailable]).toEqual(['returning', false]);
      throw timeout;
    };
    await pass(250);
    expect(states()).toEqual(['down', 'returning', 'down']);
    expect(health.reason).toBe(timeout);
    secondProbe = async () => undefined;
    await pass(5000);
    expect(states()).toEqual(['returning', 'up']);
  });

  test('is not up after a successful revival if its connection is lost during the revival', async () => {
    health.lost(lost);
    succeeds = true;
    secondProbe = async () => health.lost(timeout);
    await pass(250);
    expect(states()).toEqual(['down', 'returning', 'down']);
    secondProbe = async () => undefined;
    await pass(5000);
    expect(states()).toEqual(['returning', 'up']);
  });

  test('is retried if its connection is lost as soon as the node is up', async () => {
    health = new Health({
      server: Symbol('server'),
      maxRetryDelayMs: 1000,
      revive: async () => {
        attemptCount += 1;
        health.returning();
        health.up();
        if (attemptCount === 1) health.lost(lost);
      },
      onChange: (change) => changes.push(change),
      timers: globalTimers,
    });
    health.lost(lost);
    await pass(5000);
    expect(states()).toEqual(['down', 'returning', 'up', 'down', 'returning', 'up']);
  });
});

describe('revive()', () => {
  test('immediately revives a node that is down, with one attempt for concurrent calls', async () => {
    health.lost(lost);
    succeeds = true;
    await Promise.all([health.revive(), health.revive()]);
    expect(health.state).toBe('up');
    expect(attemptCount).toBe(1);
  });

  test('rejects if the attempt fails, and the node is retried later', async () => {
    health.lost(lost);
    await expect(health.revive()).rejects.toBe(lost);
    succeeds = true;
    await pass(5000);
    expect(health.state).toBe('up');
  });

  test('does nothing if the node is available', async () => {
    await health.revive();
    health.timedOut(timeout);
    await health.revive();
    expect(attemptCount).toBe(0);
    expect(health.state).toBe('suspect');
  });
});

test('after stop() there are no retries and no events', async () => {
  health.lost(lost);
  health.stop();
  health.timedOut(timeout);
  health.lost(lost);
  await pass(60_000);
  expect(attemptCount).toBe(0);
  expect(states()).toEqual(['down']);
});

test('stop() during a revival ends the retries', async () => {
  health.lost(lost);
  succeeds = true;
  secondProbe = async () => {
    health.stop();
    throw lost;
  };
  await pass(250);
  await pass(60_000);
  expect(attemptCount).toBe(1);
  expect(states()).toEqual(['down', 'returning']);
});
