/**
 * Checks the protocol of living topology in models, by visiting every state.
 *
 *     npx -y pnpm@12 check:model
 *
 * Prints one line per run. With `--steps`, also prints the steps to each violation. It exits with code 1 if a run of
 * the complete protocol finds a violation, or if a run without one of its parts finds none.
 */
import { heading, line } from '../terminal/terminal.js';
import { LARGE_RUNS, NEGATIVE_CONTROLS, type Run, SMALL_RUNS } from './runs.js';

/** Each state takes about 100 bytes. */
const MAX_STATES = 20_000_000;

const printsSteps = process.argv.includes('--steps');

heading('complete protocol');
check([...SMALL_RUNS, ...LARGE_RUNS]);
heading('negative controls: each run leaves out a part');
check(Object.values(NEGATIVE_CONTROLS).flatMap((controls): readonly Run[] => Object.values(controls)));

function check(runs: readonly Run[]): void {
  for (const { name, mustHold, search } of runs) {
    const { outcome, stateCount, violation, steps = [] } = search(MAX_STATES);
    const isExpected = outcome === (mustHold ? 'holds' : 'violated');
    if (!isExpected) process.exitCode = 1;
    const count = stateCount.toLocaleString('en');
    line(`${isExpected ? 'ok  ' : 'FAIL'} ${name}: ${violation ?? outcome} (${count} states)`);
    if (printsSteps || (!isExpected && mustHold)) for (const step of steps) line(`     ${step}`);
  }
}
