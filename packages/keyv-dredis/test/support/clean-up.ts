import { afterAll, afterEach, beforeEach } from '@jest/globals';

/*
 * Everything that the harness opens is closed here: after the test that opened it, or after the last test of
 * the file if no test was running (in `beforeAll`). Importing this module installs the hooks.
 *
 * Jest runs an `afterEach` at the top level of a test file after this clean-up, and one inside a `describe`
 * before it.
 */

type Step = () => unknown;

const afterTest: Step[] = [];
const afterFile: Step[] = [];
let isTestRunning = false;

beforeEach(() => {
  isTestRunning = true;
});

afterEach(async () => {
  isTestRunning = false;
  await runAll(afterTest);
});

afterAll(() => runAll(afterFile));

/**
 * Runs a step after the current test, or after the last test of the file if no test is running. Steps run in
 * reverse order. A function that is registered again before it has run keeps its place and runs once.
 */
export function onCleanUp(step: Step): void {
  const steps = isTestRunning ? afterTest : afterFile;
  if (!steps.includes(step)) steps.push(step);
}

/** Runs a step after the last test of the file, even if a test is running. */
export function onFileCleanUp(step: Step): void {
  afterFile.push(step);
}

/** Runs a step after the current test. Does nothing if no test is running. */
export function onTestCleanUp(step: Step): void {
  if (isTestRunning) afterTest.push(step);
}

/** One failing step must not keep the others from running. */
async function runAll(steps: Step[]): Promise<void> {
  const errors: unknown[] = [];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, 'Several clean-up steps failed');
}
