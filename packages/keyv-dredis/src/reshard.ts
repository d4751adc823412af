import { type Locations, type NodeDescription, parseLocations } from './config/locations.js';
import type { ResolvedOptions } from './config/options.js';
import { checkFields, type Rule } from './config/validation.js';
import { ChangeRefusedError, DRedisError } from './errors/errors.js';
import { planChange } from './membership/change.js';
import type { ChangeSummary, ReshardOptions } from './membership/change-types.js';
import type { Membership } from './membership/membership.js';
import { Operator } from './membership/operator.js';
import { describeRecorded } from './membership/recorded-nodes.js';
import { ChangeRecovery } from './outage/change-recovery.js';
import type { RestartOptions } from './outage/restart.js';
import { atMost } from './timers.js';

const RULES = {
  onProgress: { expected: 'a function', allows: (value) => typeof value === 'function' },
  signal: { expected: 'an AbortSignal', allows: (value) => value instanceof AbortSignal },
  maxKeysPerSecond: {
    expected: 'a number above 0',
    allows: (value) => typeof value === 'number' && value > 0,
  },
  force: { expected: 'true or false', allows: (value) => typeof value === 'boolean' },
} satisfies Record<keyof ReshardOptions, Rule>;

/** What `reshard()` needs from the store. */
export interface ReshardContext {
  readonly options: ResolvedOptions;
  readonly membership: Membership;
  /** The process's own locations. */
  readonly seeds: readonly NodeDescription[];
  /** Called with the new locations, whose credentials the store needs when it follows the change. */
  readonly onTarget: (target: readonly NodeDescription[]) => void;
  readonly onPurge: RestartOptions['onPurge'];
  /** Aborted when the store is disconnected. */
  readonly closing: AbortSignal;
  /** Connects the store's nodes, unless they are connected. */
  readonly wakeNodes: () => void;
}

/**
 * Changes the nodes of a cache for all its processes.
 *
 * @throws InvalidOptionError, ChangeRefusedError, ChangeLostError, ChangeIncompleteError
 */
export async function reshard(
  locations: Locations,
  reshardOptions: ReshardOptions,
  { options, membership, seeds, onTarget, onPurge, closing, wakeNodes }: ReshardContext,
): Promise<ChangeSummary> {
  checkFields('options', reshardOptions, RULES);
  const target = parseLocations(locations, options);
  const reason = membership.fixedReason ?? externalReason(target);
  if (reason !== undefined) {
    throw new ChangeRefusedError(
      `reshard() changes the nodes of all processes, but this process cannot follow, because ${reason}. Call updateNodes() in each process`,
    );
  }
  onTarget(target);
  const { restartPolicy, ownsDatabase } = options;
  const recovery = new ChangeRecovery({ restartPolicy, ownsDatabase, onPurge });
  const operator = await Operator.open(seeds, {
    options,
    hooks: recovery,
    describe: (recorded) => describeRecorded(recorded, [...seeds, ...target], options),
  });
  try {
    const { force = false, signal, ...run } = reshardOptions;
    const plan = await planChange(operator, target, { force });
    await recovery.start();
    const summary = await withAny([signal, closing], (either) => plan.run({ ...run, signal: either }));
    if (closing.aborted) {
      if (!summary.isStopped) return summary;
      throw new DRedisError('DREDIS_CLOSED', 'The store was disconnected before the change had ended');
    }
    // A store without connections is not told of the change.
    wakeNodes();
    await atMost(options.commandTimeoutMs, membership.reached(summary.epoch));
    return summary;
  } finally {
    recovery.stop();
    await operator.close();
  }
}

/** Runs a function with a signal that is aborted as soon as one of the signals is. */
async function withAny<T>(
  signals: readonly (AbortSignal | undefined)[],
  run: (either: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of signals) {
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
  }
  try {
    return await run(controller.signal);
  } finally {
    for (const signal of signals) signal?.removeEventListener('abort', abort);
  }
}

/** Why a process cannot follow a change to these nodes, or from them; undefined if it can. */
export function externalReason(descriptions: readonly NodeDescription[]): string | undefined {
  const external = descriptions.find(({ source }) => source.kind !== 'options');
  return external && `the client of node ${external.name} was not created by the store`;
}
