import { afterAll, afterEach, beforeEach } from '@jest/globals';

/*
 * Closes everything that the harness opens: after the test that opened it, or after the file's last test if
 * no test was running (in `beforeAll`). Importing this module installs the hooks.
 *
 * Jest runs `afterEach` hooks at the top level of a test file after this clean-up. It runs `afterEach` hooks
 * inside a `describe` before this clean-up.
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
 * Registers a step to run after the current test, or after the file's last test if no test is running. Steps
 * run in reverse order. If a step is registered again before it has run, it runs only once, in its first
 * position.
 */
export function onCleanUp(step: Step): void {
  const steps = isTestRunning ? afterTest : afterFile;
  if (!steps.includes(step)) steps.push(step);
}

/** Registers a step to run after the file's last test, even when called from inside a test. */
export function onFileCleanUp(step: Step): void {
  afterFile.push(step);
}

/** Registers a step to run after the current test. Does nothing if no test is running. */
export function onTestCleanUp(step: Step): void {
  if (isTestRunning) afterTest.push(step);
}

/**
 * Runs all steps, even if some fail.
 *
 * @throws the failed step's error, or an AggregateError if several steps failed
 */
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
