import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const CLOCK_RATE = new URL('../../fault-checker/clock-rate.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RATE = 2;

/** Compares all clocks and timers, as the store imports them, with those that keep the real time. */
const PROGRAM = `
  import { performance } from 'node:perf_hooks';
  import { setTimeout } from 'node:timers';
  import { setTimeout as realTimeout } from 'node:timers/promises';
  const real = () => Number(process.hrtime.bigint()) / 1e6;
  // The process may be stopped between two clocks, so the real time is read before and after the others.
  const read = () => ({ before: real(), now: performance.now(), date: Date.now(), after: real() });
  const fired = [];
  const start = read();
  // Timers fire in the order of their times, also if all of them are late.
  setTimeout(() => fired.push('scaled'), 150);
  realTimeout(100).then(() => {
    fired.push('real');
    console.log(JSON.stringify({ start, end: read(), fired }));
  });
`;

type Reading = Record<'before' | 'now' | 'date' | 'after', number>;

test('clock-rate.ts makes the clock and the timers that the store uses run at another rate', () => {
  const preloads = ['--import', 'tsx', '--import', CLOCK_RATE];
  const program = ['--input-type=module', '--eval', PROGRAM];
  const setup = JSON.stringify({ clockRate: RATE });
  // With --eval, there is no argument with the path of the program.
  const output = execFileSync(process.execPath, [...preloads, ...program, 'program', setup], { cwd: ROOT });
  const { start, end, fired } = JSON.parse(String(output)) as {
    start: Reading;
    end: Reading;
    fired: readonly string[];
  };
  const leastMs = end.before - start.after;
  const mostMs = end.after - start.before;
  expect(end.now - start.now).toBeGreaterThanOrEqual(leastMs * RATE);
  expect(end.now - start.now).toBeLessThanOrEqual(mostMs * RATE);
  // Date.now() returns whole milliseconds.
  expect(end.date - start.date).toBeGreaterThanOrEqual(leastMs * RATE - 1 - RATE);
  expect(end.date - start.date).toBeLessThanOrEqual(mostMs * RATE + 1 + RATE);
  expect(fired).toEqual(['scaled', 'real']);
});
