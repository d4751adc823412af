import { Option } from 'commander';
import type { RestartPolicy } from '../config/options.js';
import { resolveOptions } from '../config/validation.js';
import { ChangeIncompleteError, ChangeLostError } from '../errors/errors.js';
import type { ChangeSummary, Plan } from '../membership/change.js';
import { Operator } from '../membership/operator.js';
import { ChangeRecovery } from '../outage/change-recovery.js';
import { type Preview, previewOf, printPreview } from './change-preview.js';
import { ChangeProgressView } from './change-progress.js';
import { type CommonOptions, type Invocation, integerOption, YES_OPTION } from './command.js';
import { type ExitStatus, exitStatus, UsageError } from './exit-status.js';
import { Fleet } from './fleet.js';
import { count, duration, plural } from './numbers.js';
import { OWNS_DATABASE_OPTION } from './our-keys.js';
import type { Output } from './output.js';
import { confirm } from './prompts.js';

/** Options of all commands that change the topology. */
export interface ChangeOptions extends CommonOptions {
  readonly rate?: number;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly ownsDatabase?: boolean;
  readonly restartPolicy?: RestartPolicy;
}

const MAX_RATE = 100_000_000;

export const CHANGE_OPTIONS: readonly Option[] = [
  integerOption('--rate <keys>', 'keys per second at most, of all servers together', 1, MAX_RATE),
  new Option('--dry-run', 'only show what would move'),
  YES_OPTION,
  new Option(
    '--force',
    'go on although stores are connected that cannot be told: until they end, they read old values, and others do not see what they write',
  ),
  OWNS_DATABASE_OPTION,
  new Option(
    '--restart-policy <policy>',
    "the store option restartPolicy, for servers that have restarted. Default: as in the store, 'keep' if the server uses an append-only file",
  ).choices(['keep', 'purge']),
];

/** What the description of each of these commands ends with. */
export const CHANGE_DESCRIPTION =
  'Shows what moves, asks, and moves the keys while programs go on: they see no miss and no old value. ' +
  'Ctrl-C stops. The cache then stays between two rings, which is slower but correct, until resume or any other ' +
  'change goes on. Exit status 2 if the change is refused. Then nothing has changed.';

/** Plans a change. @returns undefined if there is nothing to do */
type Planner = (operator: Operator, fleet: Fleet) => Promise<Plan | undefined>;

/** Plans a change, shows it, asks, and carries it out. */
export async function changeTopology(
  { options, output, signal }: Invocation<ChangeOptions>,
  planner: Planner,
): Promise<ExitStatus> {
  const { ownsDatabase = false, dryRun: isDryRun = false, restartPolicy } = options;
  const fleet = await Fleet.open(options);
  try {
    assertReachable(fleet);
    const recovery = new ChangeRecovery({
      restartPolicy,
      ownsDatabase,
      onPurge: (node, _reason, keyCount) =>
        output.line(
          `${node} has restarted: removed ${plural(keyCount, 'old key')} there (--restart-policy).`,
        ),
    });
    const operator = await Operator.open(fleet.locations, {
      options: resolveOptions({ ownsDatabase, restartPolicy }),
      hooks: recovery,
      describe: fleet.describe,
    });
    try {
      const plan = await planner(operator, fleet);
      signal.throwIfAborted();
      if (plan === undefined || plan.isNoop) return nothingToDo(operator, output);
      const preview = await previewOf(plan, fleet, { isDryRun, ownsDatabase });
      if (output.isJson) output.record(preview);
      else printPreview(preview, output);
      if (isDryRun) return exitStatus.fine;
      if (!options.yes) await confirm('Change the cache?', output);
      signal.throwIfAborted();
      await recovery.start();
      return await carryOut(plan, preview, { options, output, signal });
    } finally {
      recovery.stop();
      await operator.close();
    }
  } finally {
    await fleet.close();
  }
}

/** @throws UsageError if no server tells which servers the cache has */
function assertReachable({ record, reachable, problems }: Fleet): void {
  if (record !== undefined || reachable.length > 0) return;
  throw new UsageError(problems.map(({ node, message }) => `${node}: ${message}`).join('; '));
}

function nothingToDo({ record }: Operator, output: Output): ExitStatus {
  const epoch = record?.epoch ?? 0;
  output.result({ type: 'plan', epoch, isNoop: true }, () =>
    output.line(
      `There is nothing to do: the cache has these servers, and no change is unfinished (epoch ${epoch}).`,
    ),
  );
  return exitStatus.fine;
}

async function carryOut(
  plan: Plan,
  preview: Preview,
  { options, output, signal }: Pick<Invocation<ChangeOptions>, 'options' | 'output' | 'signal'>,
): Promise<ExitStatus> {
  const view = new ChangeProgressView(output);
  let summary: ChangeSummary;
  try {
    summary = await plan.run({
      onProgress: view.update,
      signal,
      ...(options.rate === undefined ? {} : { maxKeysPerSecond: options.rate }),
    });
  } catch (error) {
    view.stop();
    if (error instanceof ChangeLostError && !view.hasMoved) throw error;
    if (!(error instanceof ChangeLostError || error instanceof ChangeIncompleteError)) throw error;
    output.failure(error.message);
    return exitStatus.problem;
  }
  view.stop();
  output.result({ type: 'summary', ...summary, durationMs: Math.round(summary.durationMs) }, () =>
    printSummary(summary, preview, output),
  );
  return summary.isStopped ? exitStatus.problem : exitStatus.fine;
}

function printSummary(summary: ChangeSummary, { epoch, isResume, before }: Preview, output: Output): void {
  const { movedCount, skippedCount, sweptCount, durationMs, isStopped, after } = summary;
  output.line();
  output.pairs([
    ['epoch', count(summary.epoch)],
    ['servers', after.map(({ name }) => name).join(', ')],
    ['keys moved', count(movedCount)],
    ...(skippedCount > 0 ? [['not moved', `${count(skippedCount)} (not strings)`] as const] : []),
    ...(sweptCount > 0 ? [['old keys removed', count(sweptCount)] as const] : []),
    ['time', duration(durationMs)],
  ]);
  output.line();
  if (isStopped) {
    const isMoving = isResume || summary.epoch !== epoch;
    output.line(
      isMoving
        ? 'Stopped before the end. The cache works, between two rings. To go on: keyv-dredis resume'
        : 'Stopped before keys moved. The cache has the same servers as before.',
    );
    return;
  }
  const names = new Set(after.map(({ name }) => name));
  const gone = before.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (gone.length > 0) output.line(`No key of the cache is on ${gone.join(', ')} any more.`);
  output.line(
    'Running programs follow at once. With their next release, correct the servers and weights in their configuration.',
  );
}
