import { Option } from 'commander';
import { DEFAULTS } from '../../config/options.js';
import { InvalidArgumentError } from '../../errors/errors.js';
import { assertNamespace, type KeyFormat, keyPrefix } from '../../format/keyspace.js';
import { PrefixSet } from '../../format/prefix-set.js';
import { Pace } from '../../membership/pace.js';
import { SupersededError } from '../../node/superseded.js';
import { pagesOf } from '../../sharding/scan.js';
import { watchScan } from '../../sharding/scan-progress.js';
import {
  type CliCommand,
  type CommonOptions,
  type Invocation,
  integerOption,
  YES_OPTION,
} from '../command.js';
import { exitStatus, StoppedError, UsageError } from '../exit-status.js';
import { explain, SUPERSEDED } from '../failures.js';
import { assertSettled, Fleet } from '../fleet.js';
import { type ImportCounts, PageImport } from '../import-page.js';
import { count, plural } from '../numbers.js';
import type { Output, Problem } from '../output.js';
import { Progress } from '../progress.js';
import { confirm } from '../prompts.js';
import { databaseSize } from '../server-commands.js';
import { SourceServer } from '../source-server.js';

interface ImportOptions extends CommonOptions {
  readonly keyFormat: Exclude<KeyFormat, 'raw'>;
  readonly namespace?: string;
  readonly rate: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

const DEFAULT_RATE = 10_000;

const MAX_RATE = 1_000_000;

/** Keys per page at most. */
const MAX_PAGE_SIZE = 500;

export const importKeys: CliCommand = {
  name: 'import',
  summary: 'copy the keys of one Redis into the cache',
  description:
    'Copies keys from one Redis, which may be in use, to the servers that own them, with their expiries. Keys keep ' +
    'their names. A key that its owner has already stays as it is, so a newer value is never replaced, and you can ' +
    'run the command again. Let your programs use the new servers before you import: later changes of the source ' +
    'are not copied, and a key that a program deletes meanwhile can come back. The source stays unchanged. Refused ' +
    'while keys move between two rings, and while a server is leaving, away or returning.',
  args: [{ syntax: '<url>', meaning: 'the Redis to copy from: redis://user:password@host:port/database' }],
  options: [
    new Option(
      '--key-format <format>',
      'format of the keys, which your stores use, too: the option keyFormat',
    )
      .choices(['keyv-redis', 'default'])
      .makeOptionMandatory(),
    new Option('--namespace <namespace>', 'only the keys of this namespace. Default: all keys'),
    integerOption('--rate <keys>', 'keys per second at most', 1, MAX_RATE).default(DEFAULT_RATE),
    new Option('--dry-run', 'only count'),
    YES_OPTION,
  ],
  examples: [
    ['redis://10.0.0.9 --key-format keyv-redis --dry-run', 'how many keys would be copied from @keyv/redis?'],
    ['redis://10.0.0.9 --key-format keyv-redis --namespace app', 'copy the keys that begin with app::'],
    [
      'redis://10.0.0.9/2 --key-format default --rate 1000 --yes',
      'copy database 2 slowly, without a question',
    ],
  ],

  async run({ options, args, output, signal }: Invocation<ImportOptions>) {
    const prefixes = new PrefixSet([prefixOf(options)]);
    const openSource = SourceServer.parse(args[0] as string);
    const target = await Fleet.open(options);
    try {
      assertSettled(target, 'keys are imported');
      const source = await openSource();
      try {
        return await importFrom(source, target, prefixes, { options, output, signal });
      } finally {
        await source.close();
      }
    } finally {
      await target.close();
    }
  },
};

/** Prefix of the keys to copy. @throws UsageError if the key format does not allow the namespace */
function prefixOf({ namespace, keyFormat }: ImportOptions): string {
  if (namespace === undefined) return '';
  const format = { keyFormat, keySeparator: DEFAULTS.keySeparator };
  try {
    assertNamespace(namespace, format);
    return keyPrefix(namespace, format);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UsageError(`--namespace: ${error.message}`);
    throw error;
  }
}

async function importFrom(
  source: SourceServer,
  target: Fleet,
  prefixes: PrefixSet,
  { options, output, signal }: Pick<Invocation<ImportOptions>, 'options' | 'output' | 'signal'>,
) {
  const before = [...source.problems, ...target.problems];
  if (before.length > 0) {
    output.result({ type: 'summary', problems: before }, () => output.problems(before));
    return exitStatus.problem;
  }
  const { dryRun = false, yes = false, rate } = options;
  output.line(
    `${source.address} has ${plural(await databaseSize(source.node), 'key')}. Copying ${[...prefixes][0] || 'all keys'} to ` +
      `${plural(target.snapshot.nodes.size, 'server')}, at most ${plural(rate, 'key')} per second.`,
  );
  if (!dryRun && !yes) await confirm('Continue?', output);
  const page = new PageImport(source.node, target.snapshot, target.head, dryRun);
  const problems = await copyPages(source, page, prefixes, { output, signal, rate });
  const isStopped = signal.aborted;
  const summary = { type: 'summary', dryRun, ...page.counts, isStopped, problems };
  output.result(summary, () => print(page.counts, { dryRun, isStopped, problems }, output));
  return isStopped || problems.length > 0 ? exitStatus.problem : exitStatus.fine;
}

/** @returns why it ended early */
async function copyPages(
  { node }: SourceServer,
  page: PageImport,
  prefixes: PrefixSet,
  { output, signal, rate }: { readonly output: Output; readonly signal: AbortSignal; readonly rate: number },
): Promise<readonly Problem[]> {
  const progress = new Progress(output, 'keys read');
  const pace = new Pace(rate, signal);
  const pageSize = pace.pageSize(MAX_PAGE_SIZE);
  let scanned = 0;
  const run = watchScan(
    (...request) => node.run(...request),
    (fraction) => {
      signal.throwIfAborted();
      scanned = fraction;
    },
  );
  try {
    for await (const keys of pagesOf(run, prefixes, pageSize)) {
      await pace.next(keys.length);
      signal.throwIfAborted();
      await page.import(keys);
      progress.update(scanned, page.counts.readCount, page.counts);
    }
    return [];
  } catch (error) {
    if (error instanceof StoppedError) return [];
    if (error instanceof SupersededError) return [SUPERSEDED];
    const name = (error as { node?: string }).node ?? node.name;
    return [{ node: name, message: explain(error, name) }];
  } finally {
    progress.stop();
  }
}

function print(
  { readCount, importedCount, existingCount, otherTypeCount, goneCount }: ImportCounts,
  { dryRun, isStopped, problems }: { dryRun: boolean; isStopped: boolean; problems: readonly Problem[] },
  output: Output,
): void {
  output.pairs([
    ['keys read', count(readCount)],
    [dryRun ? 'would be copied' : 'copied', count(importedCount)],
    ['already there', count(existingCount)],
    ['not a string', count(otherTypeCount)],
    ['gone meanwhile', count(goneCount)],
  ]);
  if (isStopped || problems.length > 0) {
    output.line('Stopped before the end. Run the command again to go on: it skips the keys that are there.');
  }
  output.problems(problems);
}
