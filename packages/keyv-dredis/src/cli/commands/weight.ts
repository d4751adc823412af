import { MAX_WEIGHT } from '../../config/location-options.js';
import { planChange } from '../../membership/change.js';
import { targetsWithWeights } from '../../membership/targets.js';
import type { CliCommand, Invocation } from '../command.js';
import { UsageError } from '../exit-status.js';
import { nodeNamed } from '../node-arguments.js';
import {
  CHANGE_DESCRIPTION,
  CHANGE_OPTIONS,
  type ChangeOptions,
  changeTopology,
} from '../topology-change.js';

export const weight: CliCommand = {
  name: 'weight',
  summary: 'change the weights of servers while the cache is in use',
  description: `Gives servers a larger or smaller share of the keys. A server with weight 0 is a witness: it holds no keys, and counts for the majority that a failover needs. ${CHANGE_DESCRIPTION}`,
  args: [
    {
      syntax: '<name=weight...>',
      meaning: `name of a server, and its weight from 0 to ${MAX_WEIGHT}`,
    },
  ],
  options: CHANGE_OPTIONS,
  examples: [
    ['10.0.0.1:6379=2', 'this server gets twice the keys of a server with weight 1'],
    ['cache-1=2 cache-2=0.5 --dry-run', 'what would move?'],
    ['cache-3=0', 'this server becomes a witness, and its keys move to the others'],
  ],

  run(invocation: Invocation<ChangeOptions>) {
    const { args, options } = invocation;
    const given = args.map(parse);
    return changeTopology(invocation, (operator) => {
      const weights = new Map(
        given.map(([name, value]) => [nodeNamed(name, operator.nodes, options.database), value]),
      );
      return planChange(operator, targetsWithWeights(operator, weights), { force: options.force === true });
    });
  },
};

/** @throws UsageError */
function parse(argument: string): readonly [name: string, weight: number] {
  const end = argument.lastIndexOf('=');
  const value = Number(argument.slice(end + 1).trim() || Number.NaN);
  if (end > 0 && value >= 0 && value <= MAX_WEIGHT) return [argument.slice(0, end), value];
  throw new UsageError(
    `write the name of a server, "=" and a weight from 0 to ${MAX_WEIGHT}, as in 10.0.0.1:6379=2`,
  );
}
