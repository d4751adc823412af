/**
 * An operator process: changes the topology whenever the parent orders it, as the commands `add`, `remove`, `weight`
 * and `resume` do, with new connections each time. The nemesis may kill it at any time.
 */
import type { LocationOptions } from 'keyv-dredis';
import { parseLocations } from '../../packages/keyv-dredis/src/config/locations.js';
import { resolveOptions } from '../../packages/keyv-dredis/src/config/validation.js';
import {
  ChangeIncompleteError,
  ChangeLostError,
  DRedisError,
} from '../../packages/keyv-dredis/src/errors/errors.js';
import {
  type Plan,
  planChange,
  resumeChange,
  type Target,
} from '../../packages/keyv-dredis/src/membership/change.js';
import { Operator } from '../../packages/keyv-dredis/src/membership/operator.js';
import { describeRecorded } from '../../packages/keyv-dredis/src/membership/recorded-nodes.js';
import {
  targetsWith,
  targetsWithout,
  targetsWithWeights,
} from '../../packages/keyv-dredis/src/membership/targets.js';
import { ChangeRecovery } from '../../packages/keyv-dredis/src/outage/change-recovery.js';
import type { ChangeKind, ChangeOutcome, RestartPolicy } from './history.js';

export interface OperatorSetup {
  /** All servers. */
  readonly locations: readonly LocationOptions[];
  readonly commandTimeoutMs: number;
  /** The same as that of the stores; undefined means the default. */
  readonly leaseMs: number | undefined;
  readonly restartPolicy: RestartPolicy;
}

/** Message from the parent. */
export interface ChangeOrder {
  readonly kind: ChangeKind;
  /** Chooses a server, from 0 to 1. */
  readonly choice: number;
  readonly weight: number;
  readonly maxKeysPerSecond: number;
}

/** Message to the parent: when the process is ready, and how the change ended. */
export interface ChangeReport {
  readonly outcome: ChangeOutcome | 'ready';
  readonly epoch?: number | undefined;
  readonly target?: string;
  readonly error?: string;
}

/** No change goes below. */
const MIN_NODES = 3;

const setup = JSON.parse(process.argv[2] as string) as OperatorSetup;
process.once('disconnect', () => process.exit());
process.on('message', async (order: ChangeOrder) => process.send?.(await change(order)));
process.send?.({ outcome: 'ready' } satisfies ChangeReport);

async function change(order: ChangeOrder): Promise<ChangeReport> {
  const { locations, commandTimeoutMs, leaseMs, restartPolicy } = setup;
  const options = resolveOptions({
    commandTimeoutMs,
    connectTimeoutMs: commandTimeoutMs,
    restartPolicy,
    ...(leaseMs === undefined ? {} : { leaseMs }),
  });
  const recovery = new ChangeRecovery({ restartPolicy, ownsDatabase: false, onPurge: () => undefined });
  const seeds = parseLocations(locations, options);
  const operator = await Operator.open(seeds, {
    options,
    hooks: recovery,
    describe: (recorded) => describeRecorded(recorded, seeds, options),
  });
  let target = '';
  try {
    const plan = await planFor(operator, order);
    if (plan === undefined) return { outcome: 'done', epoch: operator.record?.epoch };
    target = plan.after.map(({ name, weight }) => `${name}*${weight}`).join(', ');
    await recovery.start();
    const { epoch } = await plan.run({ maxKeysPerSecond: order.maxKeysPerSecond });
    return { outcome: 'done', epoch, target };
  } catch (error) {
    return { outcome: outcomeOf(error), target, error: String((error as Error).stack) };
  } finally {
    recovery.stop();
    await operator.close();
  }
}

async function planFor(operator: Operator, order: ChangeOrder): Promise<Plan | undefined> {
  return order.kind === 'resume' ? resumeChange(operator) : planChange(operator, targetOf(operator, order));
}

function targetOf(operator: Operator, { kind, choice, weight }: ChangeOrder): readonly Target[] {
  const { nodes } = operator;
  const pick = <T>(items: readonly T[]) => items[Math.floor(choice * items.length)] as T;
  const absent = setup.locations.filter(({ name }) => !nodes.some((node) => node.name === name));
  if (kind === 'add' && absent.length > 0) {
    return targetsWith(operator, parseLocations([pick(absent)], operator.options));
  }
  const { name } = pick(nodes);
  if (kind === 'remove' && nodes.length > MIN_NODES) return targetsWithout(operator, [name]);
  return targetsWithWeights(operator, new Map([[name, weight]]));
}

function outcomeOf(error: unknown): ChangeOutcome {
  if (error instanceof ChangeLostError) return 'lost';
  if (error instanceof ChangeIncompleteError) return 'incomplete';
  // Before the change begins, a node may also fail with an error of its own.
  return error instanceof DRedisError ? 'refused' : 'crashed';
}
