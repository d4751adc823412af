import { Option } from 'commander';
import { planChange } from '../../membership/change.js';
import { targetsWithout } from '../../membership/targets.js';
import type { CliCommand, Invocation } from '../command.js';
import { nodeNamed } from '../node-arguments.js';
import {
  CHANGE_DESCRIPTION,
  CHANGE_OPTIONS,
  type ChangeOptions,
  changeTopology,
} from '../topology-change.js';

interface RemoveOptions extends ChangeOptions {
  readonly lost?: boolean;
}

export const remove: CliCommand = {
  name: 'remove',
  summary: 'remove servers from the cache while it is in use',
  description:
    `Moves the keys of servers to the others, and removes these servers from the cache of all running programs. ` +
    `${CHANGE_DESCRIPTION} If a server is gone for good, pass --lost: it is not asked, and its keys are misses. A ` +
    'server that status shows as away needs no --lost, because the other servers have its keys.',
  args: [{ syntax: '<name...>', meaning: 'names of the servers, as status shows them' }],
  options: [
    new Option('--lost', 'the servers are gone for good: their keys are lost, and become misses'),
    ...CHANGE_OPTIONS,
  ],
  examples: [
    ['10.0.0.2:6379', 'move its keys to the other servers, and remove it'],
    ['cache-2 --lost', 'this server will not come back'],
    ['10.0.0.2:6379 --dry-run', 'what would move?'],
  ],

  run(invocation: Invocation<RemoveOptions>) {
    const { args, options } = invocation;
    return changeTopology(invocation, (operator) => {
      const names = args.map((argument) => nodeNamed(argument, operator.nodes, options.database));
      return planChange(operator, targetsWithout(operator, names), {
        force: options.force === true,
        ...(options.lost ? { lost: new Set(names) } : {}),
      });
    });
  },
};
