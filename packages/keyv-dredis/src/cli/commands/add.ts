import { planChange } from '../../membership/change.js';
import { targetsWith } from '../../membership/targets.js';
import type { CliCommand, Invocation } from '../command.js';
import { describeServers } from '../servers.js';
import {
  CHANGE_DESCRIPTION,
  CHANGE_OPTIONS,
  type ChangeOptions,
  changeTopology,
} from '../topology-change.js';

export const add: CliCommand = {
  name: 'add',
  summary: 'add servers to the cache while it is in use',
  description: `Adds servers to the cache of all running programs, and moves to them the keys that they own. ${CHANGE_DESCRIPTION}`,
  args: [
    {
      syntax: '<location...>',
      meaning: 'the new servers, as in --nodes. With a name or a weight: a list in JSON',
    },
  ],
  options: CHANGE_OPTIONS,
  examples: [
    ['10.0.0.5:6379', 'add a server (the present servers come from DREDIS_NODES)'],
    ['10.0.0.5 --dry-run', 'what would move?'],
    [
      `'[{"url":"redis://10.0.0.5","name":"cache-5","weight":2}]'`,
      'add a server with a name and twice the keys',
    ],
    [
      `'[{"url":"redis://10.0.0.6","weight":0}]'`,
      'add a witness, which holds no keys and counts for the majority that a failover needs',
    ],
    ['rediss://app:password@10.0.0.5:6380 --rate 5000 --yes', 'with TLS, slowly, without a question'],
  ],

  run(invocation: Invocation<ChangeOptions>) {
    const { args, options } = invocation;
    const sourceOf = (locations: string) => ({
      where: 'the new server',
      locations,
      database: options.database,
    });
    // Before a connection is opened.
    for (const locations of args) describeServers(sourceOf(locations));
    return changeTopology(invocation, (operator, { password }) => {
      const added = args.flatMap((locations) => describeServers(sourceOf(locations), password));
      return planChange(operator, targetsWith(operator, added), { force: options.force === true });
    });
  },
};
