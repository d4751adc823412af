#!/usr/bin/env node
import { exitStatus } from './exit-status.js';
import { run } from './program.js';

// If the event loop runs empty before the command has ended, for example because stdin ended at a question,
// the command did not succeed.
process.exitCode = exitStatus.problem;
run(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
