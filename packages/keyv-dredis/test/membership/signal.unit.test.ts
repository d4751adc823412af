import { expect, test } from '@jest/globals';
import { Signal } from '../../src/membership/signal.js';

test('a signal wakes all who wait', async () => {
  const signal = new Signal();
  const waiting = Promise.all([signal.next(60_000), signal.next(60_000)]);
  expect(signal.waitingCount).toBe(2);
  signal.notify();
  await waiting;
  expect(signal.waitingCount).toBe(0);
});

// Regression: it kept them until the next event, one more every 1.5 s while a node was away.
test('a signal forgets who has waited long enough', async () => {
  const signal = new Signal();
  await Promise.all([signal.next(1), signal.next(2)]);
  expect(signal.waitingCount).toBe(0);
});
