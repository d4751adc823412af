import { resumeChange } from '../../membership/change.js';
import type { CliCommand, Invocation } from '../command.js';
import { CHANGE_OPTIONS, type ChangeOptions, changeTopology } from '../topology-change.js';

export const resume: CliCommand = {
  name: 'resume',
  summary: 'finish a change of servers that was stopped',
  description:
    'Goes on with add, remove or weight after Ctrl-C, or after the program or its machine has died. Anybody can do it, ' +
    'from any machine. Meanwhile the cache works, between two rings. If no change is unfinished, does nothing. Exit ' +
    'status 2 if it is refused. Then nothing has changed.',
  options: CHANGE_OPTIONS,
  examples: [
    ['', 'finish the change'],
    ['--dry-run', 'is a change unfinished, and what is left to move?'],
  ],

  run(invocation: Invocation<ChangeOptions>) {
    return changeTopology(invocation, (operator) =>
      resumeChange(operator, { force: invocation.options.force === true }),
    );
  },
};
